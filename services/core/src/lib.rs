//! The run's state machine and the program it runs.
//!
//! Everything here is pure: no IO, no clock, no randomness. Time is an argument, expressions are
//! evaluated through [`Evaluate`], and the same inputs at the same times always give the same
//! events, effects and state. That is what makes history replayable (promise P7).

mod ability;
mod attempts;
mod cloud_event;
mod depth;
mod effect;
mod error;
mod evaluate;
mod hearing;
mod id;
mod io;
mod machine;
mod program;
mod retry;
mod state;
mod strategy;
mod time;

pub use ability::Ability;
pub use attempts::FailedAttempt;
pub use cloud_event::{
    CloudEvent, CloudEventError, EVENT_BYTES_MAX, is_event_attribute, is_event_time,
};
pub use depth::{DEPTH_MAX, is_too_deep};
pub use effect::Effect;
pub use error::{Error, ErrorKind};
pub use evaluate::{Evaluate, EvaluateError, Variables};
pub use hearing::Hearing;
pub use id::{DefinitionRef, IdError, RunId, TaskKey, is_dns_label, partition_of};
pub use io::{Event, Fault, Input, LossCause, Step};
pub use machine::{Machine, Outcome, ReplayError, Taking, replay};
pub use program::{
    Call, Case, Catch, Deferred, ErrorFilter, ErrorTemplate, Export, Expr, Flow, Jump, Kind, List,
    ListId, Node, NodeId, Program, Schema, Span, TaskPolicy, Template, TryRetry, WhenExhausted,
};
pub use retry::{Backoff, RetryPolicy};
pub use state::{
    Body, Frame, Phase, RunState, Status, TaskFrame, TaskState, TaskView, TryPhase, Work,
};
pub use strategy::{
    Correlation, EventFilter, EventTemplate, ForEach, Listen, Matcher, Read, Strategy, Until,
};
pub use time::Timestamp;
