//! Events and what waits for them: whether one fits a filter, and which ones start a run.
//!
//! As pure as the machine (`services/core`), through which others reach it.

pub mod fit;
mod occasion;

pub use occasion::{Heard, OPEN_BYTES_MAX, OPEN_SETS_MAX, Occasion, Occasions};
