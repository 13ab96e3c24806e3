//! Write a durable worker in about twelve lines.
//!
//! ```no_run
//! use kintsugi_worker::{Context, Error, Failure, Worker};
//! use serde_json::{Value, json};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     Worker::connect("nats://127.0.0.1:4222")
//!         .await?
//!         .task("charge-card", |context: Context, order: Value| async move {
//!             let Some(amount) = order["amount"].as_i64() else {
//!                 return Err(Failure::fatal("the order has no amount"));
//!             };
//!             Ok(json!({ "charged": amount, "receipt": context.idempotency_key() }))
//!         })
//!         .concurrency(16)
//!         .run()
//!         .await
//! }
//! ```
//!
//! Leases, heartbeats, time limits, cancellation and a stop in good order come with it. It speaks
//! the wire protocol of `docs/protocol`, and knows neither the database nor the engine's services.

mod attempt;
mod budget;
mod context;
mod engine;
mod error;
pub mod exec;
mod failure;
mod handler;
mod leases;
mod output;
mod payloads;
mod settings;
mod targets;
mod worker;

pub use budget::Retries;
pub use context::Context;
pub use error::Error;
pub use failure::Failure;
pub use kintsugi_reference::{PayloadId, Reference};
pub use settings::Settings;
pub use targets::Calling;
pub use tokio_util::sync::CancellationToken as Stop;
pub use worker::Worker;
