//! Dead letters together, whichever door they were asked at: groups of those that died of the same, discards,
//! which can be taken back for a while, and redrives.
//!
//! Redrives of many letters are kept here, and the retry engine takes their steps.
//!
//! A discard closes letters and tells no run: what it closes can be opened again as long as that is so.

#![expect(
    clippy::result_large_err,
    reason = "a problem is made once a failed request and moved a few times; a box would show everywhere"
)]

mod discards;
mod groups;
mod query;
mod redrives;

pub use discards::{discard, discards, undo};
pub use groups::groups;
pub use redrives::{Order, Wanted, redrive, redrive_get, redrive_order, redrives};
