//! What is known of a run, what it is told, and what follows: data only.
//!
//! As pure as the machine that makes it (`services/core`), through which others reach it.

mod asking;
mod attempts;
mod cancelling;
mod child;
mod deferral;
mod effect;
mod event;
mod fingerprint;
mod frame;
mod frames;
mod hearing;
mod io;
mod loss;
mod op;
mod present;
mod run;
mod status;
mod steer;
mod step;
mod task;

pub use asking::{Asking, Question};
pub use attempts::{By, FailedAttempt};
pub use cancelling::{Cancelling, Ending};
pub use child::{
    Check, ChildEffect, ChildEvent, ChildInput, ChildOutcome, ChildPhase, ChildTask, Parent,
};
pub use deferral::{Deferral, PutOff};
pub use effect::{DeadLetterOutcome, Effect};
pub use event::Event;
pub use fingerprint::fingerprint;
pub use frame::{
    Body, Branched, Compensating, Extending, Frame, Iterating, Mapping, Stage, TaskFrame, TryPhase,
    Work,
};
pub use frames::Frames;
pub use hearing::Hearing;
pub use io::{Fault, Input};
pub use kintsugi_program::*;
pub use loss::LossCause;
pub use op::Op;
pub use run::{Leaving, RunState, TaskView, Undone};
pub use status::Status;
pub use steer::{Done, Steer, SteerEvent, Steered, Steering, Suspension};
pub use step::Step;
pub use task::{Phase, TaskState};

pub(crate) use present::present;
