//! The gateway over real sockets, against a real nats-server and a real SQLite store. A few lines
//! stand in for the orchestrator: the machine is the real one.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

mod chaos;
mod door;
mod engine;
mod http;
mod letters;
mod long;
mod owners;
mod payloads;
mod redrives;
mod rig;
mod runs;
mod security;
mod streams;
mod task_types;
mod waits;
