//! Chaos: an engine is started, put under load, and broken in every way that a plan has, which follows
//! from a seed; then everything that is stored is held against the promises.
//!
//! It knows how to break things and how long they take to heal. What is right is known by
//! `kintsugi-trial` and `kintsugi-promises`.

mod asked;
pub mod between;
mod conduct;
mod error;
mod fault;
mod plan;
mod probe;
mod report;
mod scope;
mod stage;

pub use asked::{RATE, any_seed, lasts, rate, within};
pub use conduct::{Options, conduct};
pub use error::Error;
pub use fault::{BROKER, DATABASE, Fault, Kind, LEDGERS, Process, Shape, wanted};
pub use plan::{Strike, Window, plan};
pub use report::{Done, Recovery, Report, Summary};
pub use scope::Scope;
pub use stage::{Setup, Stage};
