//! The bus: subjects, streams, consumers and messages.
//!
//! The only place that knows the broker. Others see [`Bus`], the messages of [`message`] and
//! deliveries of them. What a message means is not known here.

mod advisories;
mod api;
mod bus;
mod dead;
mod durable;
mod error;
mod events;
mod headers;
mod hints;
mod incarnation;
mod intake;
mod life;
mod live;
mod login;
pub mod message;
mod names;
mod ordered;
mod publish;
mod published;
mod pull;
mod queues;
mod reconnect;
mod rejected;
mod starts;
mod step;
mod streams;
mod tasks;
mod width;

pub use advisories::Advisory;
pub use api::{ApiError, ApiRequest, ApiService, Endpoint, ServiceInfo};
pub use bus::Bus;
pub use error::Error;
pub use events::{EventDelivery, EventReader};
pub use headers::Headers;
pub use hints::{RunHint, RunHints};
pub use intake::{IntakeConsumer, IntakeDelivery};
pub use kintsugi_nats_exact::{Inexact, JSON_DEPTH_MAX, exact};
pub use kintsugi_nats_life::{LifeBatch, Place, RunLife};
pub use kintsugi_nats_server::{FILE_BYTES_MAX, Server, ServerError, ServerOptions};
pub use kintsugi_nats_signs::{START_PATIENCE, Start};
pub use life::{LifeConsumer, LifeDelivery, LifeFrom, LifeReader};
pub use live::{Liveness, Ping};
pub use login::Options;
pub use message::{
    Cancel, DeadLetterMessage, Heartbeat, Lease, LifeEvent, Limit, RunInput, Served, ServiceBeat,
    TargetCalls, TargetLimit, TaskMessage, TypeLimit, Verify, WIDTH_MAX, WakeHint, Width,
};
pub use names::{consumer_name, events as events_subject, is_token, stream};
pub use published::{PublishedConsumer, PublishedDelivery, event_key};
pub use queues::{QueueState, TaskQueue};
pub use rejected::Rejected;
pub use starts::StartDelivery;
pub use step::in_step;
pub use streams::{Limits, StreamState};
pub use tasks::{TaskConsumer, TaskDelivery, TaskGroup};
