//! The front door: HTTP and NATS.
//!
//! It takes definitions and starts, answers questions about runs from the store, and hands every
//! other wish to the orchestrators as an input on the bus. It decides nothing about a run.

mod api;
mod app;
mod body;
mod config;
mod json;
mod ops;
pub mod problem;
pub mod types;

pub use api::document as openapi;
pub use config::Config;
