//! What tests of the whole engine share: processes, servers, requests, and the check of the
//! promises over everything that is stored.

#![allow(clippy::missing_panics_doc, clippy::missing_errors_doc, reason = "tests panic")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests panic")]
#![allow(clippy::print_stdout, reason = "tests say what they skip and what they measured")]

mod certificates;
mod engine;
mod http;
mod promises;
mod tools;

pub use certificates::{Authority, Identity};
pub use engine::{Engine, Role, Shape};
pub use http::Client;
pub use promises::check_promises;
pub use tools::{Tool, eventually, free_port, signal, tool};
