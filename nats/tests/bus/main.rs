//! The bus against a real nats-server.

mod api;
mod events;
mod live;
mod protocol;
mod server;
mod support;
mod tasks;
