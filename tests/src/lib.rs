//! What tests of the whole engine share: processes, servers, requests, and the check of the
//! promises over everything that is stored.

#![allow(clippy::missing_panics_doc, clippy::missing_errors_doc, reason = "tests panic")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests panic")]
#![allow(clippy::print_stdout, reason = "tests say what they skip and what they measured")]

mod between;
mod certificates;
mod engine;
mod http;
mod owners;
mod promises;
mod raw;
mod seed;
mod server;
pub mod streams;
mod tools;

pub use between::{Cable, Trouble, Which};
pub use certificates::{Authority, Identity};
pub use engine::{Engine, Role, Shape};
pub use http::Client;
pub use kintsugi_promises::{
    Answers, Book, Breach, Breaches, Checked, Execution, Holdings, Ledger, Record, Told, Unowned,
    check, expected, unowned,
};
pub use kintsugi_trial::{Chance, Earlier, Seen, Settings, Trial, Verdict};
pub use owners::Owners;
pub use promises::check_promises;
pub use raw::Raw;
pub use seed::chance;
pub use server::{Answer, Peer, Request};
pub use tools::{Tool, eventually, free_port, root, signal, tool};
