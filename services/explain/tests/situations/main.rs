//! Situations, seeded one by one: for each the cause that is named must be the right one.
//!
//! States of runs are those that the real machine makes of what it is told.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod documented;
mod ended;
mod engine;
mod kept;
mod links;
mod subjects;
mod waiting;
mod workers;
mod world;
