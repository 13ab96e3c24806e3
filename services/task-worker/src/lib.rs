//! The built-in worker: http and simulate, and any program.
