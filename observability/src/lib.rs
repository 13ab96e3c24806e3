//! Logs, traces and the names of their fields.
