//! Redrives of many dead letters: how fast, how far, and when to stop. No IO, no clock.
//!
//! The retry engine reads what a job's letters came to, judges here what follows, and makes that true in one
//! transaction. The same values give the same step, so that a step which was not written is taken again.

mod job;
mod letter;
mod pace;
mod step;

pub use job::{Change, Plan, Progress, Stage, Status, Unfit};
pub use letter::{edited, outcome};
pub use step::{Next, next};
