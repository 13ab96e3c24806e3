//! The run's state machine and the program it runs.
//!
//! Everything here is pure: no IO, no clock, no randomness. Time is an argument, expressions are
//! evaluated through [`Evaluate`], and the same inputs at the same times always give the same
//! events, effects and state. That is what makes history replayable (promise P7).

mod attempts;
mod child;
mod effect;
mod fit;
mod hearing;
mod io;
mod machine;
mod occasion;
mod state;
mod status;

pub use attempts::FailedAttempt;
pub use child::{
    Check, ChildEffect, ChildEvent, ChildInput, ChildOutcome, ChildPhase, ChildTask, Parent,
};
pub use effect::Effect;
pub use hearing::Hearing;
pub use io::{Event, Fault, Input, LossCause, Step};
pub use kintsugi_program::*;
pub use machine::{Machine, Outcome, ReplayError, Taking, replay};
pub use occasion::{Heard, OPEN_BYTES_MAX, OPEN_SETS_MAX, Occasion, Occasions};
pub use state::{
    Body, Frame, Leaving, Phase, RunState, TaskFrame, TaskState, TaskView, TryPhase, Work,
};
pub use status::Status;
