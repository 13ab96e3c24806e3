//! Turns messages into committed decisions.
