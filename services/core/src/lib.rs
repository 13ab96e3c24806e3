//! The run's state machine and the program it runs.
//!
//! Everything here is pure: no IO, no clock, no randomness. Time is an argument, expressions are
//! evaluated through [`Evaluate`], and the same inputs at the same times always give the same
//! events, effects and state. That is what makes history replayable (promise P7).

mod fit;
mod machine;
mod occasion;

pub use kintsugi_state::*;
pub use machine::{Machine, Moment, Outcome, ReplayError, Taking, Turn, replay};
pub use occasion::{Heard, OPEN_BYTES_MAX, OPEN_SETS_MAX, Occasion, Occasions};
