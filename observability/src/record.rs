//! A closed span, as the rest of the engine makes it.

use kintsugi_core::Timestamp;
use opentelemetry::Value;
use opentelemetry::trace::{SpanId, TraceId};

/// Names of the services that spans belong to; Jaeger colours and filters by them.
pub mod service {
    /// Decides what a run does next.
    pub const ORCHESTRATOR: &str = "kintsugi-orchestrator";
    /// Executes attempts.
    pub const WORKER: &str = "kintsugi-worker";
    /// Keeps timers and retries, and dead-letters.
    pub const RETRY_ENGINE: &str = "kintsugi-retry-engine";
    /// Finds what broke and has it taken over.
    pub const FAILURE_DETECTOR: &str = "kintsugi-failure-detector";
}

/// What a span stands for, in OpenTelemetry's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Something inside the engine.
    Internal,
    /// The handling of a message.
    Consumer,
    /// The sending of a message.
    Producer,
    /// An answer to a request.
    Server,
    /// A request.
    Client,
}

/// Something that happened at one point of a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub name: &'static str,
    /// Details.
    pub attributes: Vec<(&'static str, Value)>,
}

/// A span that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanRecord {
    /// The trace that it is part of.
    pub trace: TraceId,
    /// Its own id.
    pub span: SpanId,
    /// The span that it is part of; none: the first of its trace.
    pub parent: Option<SpanId>,
    /// The parent belongs to the caller, outside the engine.
    pub parent_is_remote: bool,
    /// What it is called. Few different names, so that they can be counted by.
    pub name: String,
    /// What it stands for.
    pub kind: SpanKind,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// Details.
    pub attributes: Vec<(&'static str, Value)>,
    /// What happened meanwhile.
    pub events: Vec<SpanEvent>,
    /// Spans of the same trace that it has to do with.
    pub links: Vec<SpanId>,
    /// Why it failed; none: it did not.
    pub error: Option<String>,
    /// The service that it belongs to, see [`service`].
    pub service: &'static str,
}
