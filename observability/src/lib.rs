//! Logs, traces and the names of their fields.
//!
//! A run is one trace. Its spans are made from the run's history once that is committed
//! ([`run_spans`]), closed, under ids that follow from run, task and attempt: a restart or a replay
//! gives the same spans again and never a second set. [`Tracer`] sends them over OTLP and never
//! holds up its caller.

mod context;
mod error;
mod export;
pub mod field;
mod index;
mod log;
mod record;
mod spans;
mod tracer;

pub use context::{RunTrace, TraceParent, root_span_id, span_id, trace_id, traceparent};
pub use error::Error;
pub use index::SpanIndex;
pub use log::{LogFormat, LogOptions, init};
pub use opentelemetry::{
    Value,
    trace::{SpanId, TraceId},
};
pub use record::{SpanEvent, SpanKind, SpanRecord, service};
pub use spans::{RunSubject, run_spans};
pub use tracer::{TraceOptions, Tracer, TracerStats};
