//! From a batch of inputs to one transaction, and to the messages that follow it.
//!
//! What an orchestrator decides, without the loop that takes, commits and publishes: the only way out
//! is [`Source`], through which runs and definitions are read. So the simulation (`tests/sim`) runs
//! the same decisions over a store that it made up.

mod children;
mod decide;
mod holds;
mod letters;
mod mail;
mod membership;
mod outbox;
mod owned;
mod people;
mod permits;
mod programs;
mod recoveries;
mod rehearse;
mod routes;
mod runs;
mod schedules;
mod sending;
mod source;
mod steer;
mod unsaid;
mod widths;

pub use children::Rules;
pub use decide::{Arrived, Changed, Decided, decide};
pub use holds::Holds;
pub use mail::must_wait;
pub use membership::{Members, SILENCE, SUSPECT};
pub use outbox::{Origin, Outbox, refusal};
pub use owned::{Incarnation, Owned};
pub use programs::{Compiled, Programs};
pub use rehearse::{Before, Named, Refused, Rehearsal, asked_before, rehearse, task_of};
pub use routes::Routes;
pub use runs::{Run, Runs, decode};
pub use schedules::{Due, Waits, due};
pub use sending::{Sending, Try};
pub use source::Source;
pub use unsaid::{Unsaid, question};
pub use widths::Widths;
