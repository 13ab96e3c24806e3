//! The front door: HTTP and NATS.
//!
//! It lets in who may come in, reads requests and writes answers. What is done stands in
//! `kintsugi_gateway_ops`, which both doors share. It decides nothing about a run.

#![expect(
    clippy::result_large_err,
    reason = "a problem is made once a failed request and moved a few times; a box would show everywhere"
)]

mod api;
mod body;
mod door;
mod service;
mod web;

pub use api::document as openapi;
pub use kintsugi_gateway_ops::{ChaosConfig, Config, PayloadsConfig};
pub use service::{ApiGateway, Error};
