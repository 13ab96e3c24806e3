//! Wakes runs whose time has come, and keeps the dead letters.
