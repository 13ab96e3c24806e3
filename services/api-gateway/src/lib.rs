//! The front door: HTTP and NATS.
