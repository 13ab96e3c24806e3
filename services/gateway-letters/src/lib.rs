//! Dead letters together, whichever door they were asked at: groups of those that died of the same, and
//! discards, which can be taken back for a while.
//!
//! A discard closes letters and tells no run: what it closes can be opened again as long as that is so.

#![expect(
    clippy::result_large_err,
    reason = "a problem is made once a failed request and moved a few times; a box would show everywhere"
)]

mod discards;
mod groups;
mod query;

pub use discards::{discard, discards, undo};
pub use groups::groups;
