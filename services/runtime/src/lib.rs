//! What every service needs to be a process: configuration, signals, supervision.
