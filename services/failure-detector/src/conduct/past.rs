//! What another failure detector, in charge before, held of workers.
//!
//! Whom it kept tasks from, those workers say themselves, as long as they are told. For how long, and how
//! often before, stands in the recovery log.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{Conduct, DRAINED, Member, OTHERS, Verdict};

/// How often workers were drained since they were trusted, and for how long yet.
#[derive(Debug, Default)]
pub(crate) struct Past(BTreeMap<String, (u32, Duration)>);

impl Past {
    /// Notes that a worker was drained, which lasts for so long yet; the newest first.
    pub(crate) fn drained(&mut self, worker: &str, left: Duration) {
        let (times, _) = self.0.entry(worker.to_owned()).or_insert((0, left.min(DRAINED.1)));
        *times = (*times + 1).min(16);
    }
}

impl Conduct {
    /// Goes on with what workers were told. Who was told nothing is trusted.
    pub(crate) fn adopt(&mut self, past: &Past, now: Instant) {
        for (worker, member) in &mut self.0 {
            let (times, left) = past.0.get(worker).copied().unwrap_or((1, DRAINED.0));
            member.verdict = match member.doubt() {
                None => Verdict::Trusted,
                Some((0, reason)) => Verdict::Drained { until: now + left, times, reason },
                Some((_, reason)) => Verdict::Tried { times, reason },
            };
        }
    }
}

impl Member {
    /// How much of a type it may have at a time since it is not trusted, and why. Of a type with an open
    /// circuit it says that.
    fn doubt(&self) -> Option<(u32, String)> {
        self.told.values().find(|(_, reason)| reason.ends_with(OTHERS)).cloned()
    }
}
