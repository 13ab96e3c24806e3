//! The bus against a real nats-server.
#![expect(clippy::unwrap_used, reason = "what helpers of tests cannot do fails the test")]

mod api;
mod events;
mod live;
mod login;
mod protocol;
mod server;
mod streams;
mod support;
mod tasks;
