//! Why something does not move: facts in, an explanation out. No IO, no clock.
//!
//! Whoever gathers the facts asks [`Run::needs`] what to look at, so that what is read of a run is
//! bounded whatever the run is like. What is not known (a broker that does not answer, workers that
//! were not listened to for long enough) is said to be so and never guessed.
//!
//! A chain of causes goes from the nearest to the root: a run waits for a task, the task waits in a
//! queue, nobody serves the queue, the last one who did died. Its state is decided where the root is.

mod answer;
mod call;
mod chain;
mod code;
mod engine;
mod executing;
mod facts;
mod leaf;
mod parts;
mod permit;
mod queue;
mod run;
mod say;
mod schedule;
mod serving;
mod worker;

pub use answer::{Cause, Explanation, Kind, Line, Next, State, Subject};
pub use code::Code;
pub use facts::{
    Engine, Gone, Hold, Holder, Lease, Mail, Permit, Queue, Run, Schedule, Served, Service, Worker,
};
pub use parts::{CHILDREN_FOLLOWED, LISTED, Needs};
pub use queue::{queue, queues};
pub use run::{End, closed, run, task};
pub use schedule::schedule;
pub use worker::worker;
