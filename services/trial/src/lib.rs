//! Load, an independent ledger, and the verdict: what `kintsugi chaos` and the suite of kills hold an
//! engine against while it is broken.
//!
//! [`Trial`] starts runs of many kinds and keeps every answer; [`ledger_worker`] executes tasks and notes
//! each execution in a file, outside of the engine; [`Seen::judge`] holds what is stored in the end
//! against both, and says so in a [`Verdict`]. It judges values and does no IO. The engine under trial
//! is the trial's own: every run in its database is judged, and goes when a window of it is done.
//!
//! This crate breaks nothing and starts no process: that is for whoever tries.

mod chance;
mod clear;
mod client;
mod count;
mod deeds;
mod definitions;
mod error;
mod judge;
mod ledger;
mod load;
mod starts;
mod still;
mod trial;
mod verdict;

pub use chance::Chance;
pub use error::Error;
pub use judge::{Earlier, Seen};
pub use kintsugi_promises::Breach;
pub use ledger::ledger_worker;
pub use trial::{Settings, Trial};
pub use verdict::Verdict;
