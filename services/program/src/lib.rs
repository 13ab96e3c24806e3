//! What a definition compiles to, and the words that it is made of: names, times, errors, events,
//! retries.
//!
//! Data only, and as pure as the machine that runs it: no IO, no clock, no randomness. Others reach all
//! of it through `kintsugi-core`.

mod ability;
mod bare;
mod bound;
mod cloud_event;
mod depth;
mod duration;
mod error;
mod evaluate;
mod handling;
mod human;
mod id;
mod policy;
mod program;
mod retry;
mod run_workflow;
mod schedule;
mod strategy;
mod time;

pub use ability::Ability;
pub use bound::Bound;
pub use cloud_event::{
    CloudEvent, CloudEventError, EVENT_BYTES_MAX, is_event_attribute, is_event_time,
};
pub use depth::{DEPTH_MAX, is_too_deep};
pub use duration::{iso_millis, short_millis};
pub use error::{Error, ErrorKind};
pub use evaluate::{Evaluate, EvaluateError, Variables};
pub use handling::{Catch, ErrorFilter, ErrorTemplate, RetrySpans, TryRetry};
pub use human::Human;
pub use id::{DefinitionRef, IdError, RunId, TaskKey, is_dns_label, partition_of};
pub use policy::{Quarantine, TaskPolicy, WhenExhausted};
pub use program::{
    Call, Case, Deferred, Export, Expr, Extension, Flow, Jump, Kind, List, ListId, Map, Messages,
    Node, NodeId, OnCancel, Program, Schema, Span, Template, Undo,
};
pub use retry::{Backoff, RetryPolicy, scramble};
pub use run_workflow::RunWorkflow;
pub use schedule::{CatchUp, On, Overlap, Schedule, Trigger};
pub use strategy::{
    Correlation, EventFilter, EventTemplate, ForEach, Listen, Matcher, Read, Strategy, Until,
};
pub use time::Timestamp;
