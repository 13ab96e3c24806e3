//! What the front door does, whichever door it was asked at: HTTP and NATS share it.
//!
//! It takes definitions and starts, answers questions from the store, tells runs on the bus what is
//! wished of them, and knows what is heard of workers and services. It decides nothing about a run,
//! and knows nothing of routes, subjects, or who may come in: that is the gateway's.

#![expect(
    clippy::result_large_err,
    reason = "a problem is made once a failed request and moved a few times; a box would show everywhere"
)]

mod app;
mod ask;
mod beats;
mod config;
pub mod dead_letters;
pub mod definitions;
pub mod events;
mod fold;
mod follow;
pub mod human_tasks;
pub mod json;
mod owners;
pub mod payloads;
pub mod problem;
pub mod requests;
mod resolved;
pub mod retire;
pub mod runs;
pub mod schedules;
pub mod signals;
pub mod start;
mod starts;
mod stretch;
pub mod system;
pub mod task_types;
pub mod tasks;
mod watches;

pub use app::App;
pub use ask::{instant, limit, no_run, page, run_id, shallow, wait};
pub use config::{ChaosConfig, Config, ResourcesConfig};
pub use kintsugi_egress::Error as FetcherError;
pub use kintsugi_gateway_types as types;
pub use kintsugi_graph::Form;
pub use payloads::PayloadsConfig;
pub use problem::Problem;
