//! Finds what broke, and has it mended.
