//! The front door: HTTP and NATS.
//!
//! It takes definitions and starts, answers questions about runs from the store, and hands every
//! other wish to the orchestrators as an input on the bus. It decides nothing about a run.

#![expect(
    clippy::result_large_err,
    reason = "a problem is made once a failed request and moved a few times; a box would show everywhere"
)]

mod api;
mod app;
mod beats;
mod body;
mod config;
mod definitions;
mod door;
mod json;
mod life;
mod ops;
pub mod problem;
mod service;
mod starts;
mod tasks;
pub mod types;
mod web;

pub use api::document as openapi;
pub use config::Config;
pub use service::{ApiGateway, Error};
