//! How the promises are kept, for people, scripts and metrics.

use kintsugi_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::standing::{PROMISES, Standing};

/// What each promise says, in a few words.
const SAYS: [&str; PROMISES] = [
    "accepted is kept",
    "every open thing has an owner and a deadline",
    "one result for one task",
    "no result under an old epoch",
    "attempts are bounded by policy",
    "dead-lettered or completed, never both",
    "history is gapless and replays",
    "the broker may lose everything",
    "the database decides, and keeps what it took",
];

/// What is told of a promise's breaches at most.
const TOLD_MAX: usize = 5;

/// How the promises are kept. Additions are free; readers must not mind fields they do not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promises {
    /// When this was said.
    pub at: String,
    /// This process keeps the ledger; of many one does.
    pub keeps: bool,
    /// Why nothing could be looked at the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// P1 to P9.
    pub items: Vec<PromiseView>,
}

/// How one promise is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromiseView {
    /// `P1` to `P9`.
    pub promise: String,
    /// What it says.
    pub says: String,
    /// How many things were compared with it since this process keeps the ledger.
    pub checked: u64,
    /// When last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<String>,
    /// How often it was broken, as far as the newest 500 entries of the recovery log tell.
    pub breaches: u64,
    /// How many of them were mended.
    pub mended: u64,
    /// How many stand.
    pub standing: u64,
    /// Since when the oldest stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing_since: Option<String>,
    /// When it was broken last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breached_at: Option<String>,
    /// How long the slowest mend took, from its being seen.
    pub slowest_mend_ms: u64,
    /// What stands, the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub what: Vec<String>,
}

pub(super) fn items(standing: &Standing) -> Vec<PromiseView> {
    let said = |at: Option<Timestamp>| at.map(|at| at.to_rfc3339());
    let all = (1..).zip(SAYS).zip(standing.counts);
    all.map(|((promise, says), count)| {
        let (open, since) = standing.open(promise);
        PromiseView {
            promise: format!("P{promise}"),
            says: says.to_owned(),
            checked: count.checked,
            checked_at: said(count.checked_at),
            breaches: count.breaches,
            mended: count.mended,
            standing: open,
            standing_since: said(since),
            breached_at: said(count.breach_at),
            slowest_mend_ms: count.slowest_ms,
            what: standing.told(promise, TOLD_MAX),
        }
    })
    .collect()
}
