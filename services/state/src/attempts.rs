//! Attempts of a task that brought nothing, as its dead letter tells of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Error, LossCause, Phase, TaskState, Timestamp};

/// How many attempts a task remembers: the last ones. The history has all.
const ATTEMPTS_MAX: usize = 20;

/// Characters of an error's detail that are kept: the state is written with each change.
const DETAIL_MAX: usize = 1_024;

/// An attempt that failed or was lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedAttempt {
    /// Its epoch.
    pub epoch: u64,
    /// Who held it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// When it began, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Timestamp,
    /// How it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// How it was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<LossCause>,
}

/// Who executed an attempt, and since when, as far as a report says.
pub type By<'a> = (Option<&'a str>, Option<Timestamp>);

impl TaskState {
    /// Whether it has a permit, or waits for one.
    #[must_use]
    pub fn has_permit(&self) -> bool {
        self.permit.is_some() && !matches!(self.phase, Phase::Interrupted | Phase::DeadLettered)
    }

    /// How many different workers died with an attempt of it since the last redrive; of more than
    /// 20 attempts, with the last 20.
    #[must_use]
    pub fn victims(&self) -> usize {
        let crashed =
            self.attempts.iter().filter(|ended| ended.lost.is_some_and(LossCause::is_crash));
        crashed.filter_map(|ended| ended.worker.as_deref()).collect::<BTreeSet<_>>().len()
    }

    /// Remembers that the attempt that is out ended `now`: lost, or with an error.
    pub fn remember(&mut self, by: By<'_>, how: Result<LossCause, &Error>, now: Timestamp) {
        let known = match &self.phase {
            Phase::Started { at, worker, .. } => (Some(worker.as_str()), Some(*at)),
            _ => (None, None),
        };
        let attempt = FailedAttempt {
            epoch: self.epoch,
            worker: by.0.or(known.0).map(str::to_owned),
            // A worker's clock may be ahead.
            started_at: known.1.or(by.1).map(|at| at.min(now)),
            ended_at: now,
            error: how.err().map(brief),
            lost: how.ok(),
        };
        if self.attempts.len() >= ATTEMPTS_MAX {
            self.attempts.remove(0);
        }
        self.attempts.push(attempt);
    }
}

fn brief(error: &Error) -> Error {
    let detail = error.detail.as_ref().map(|detail| detail.chars().take(DETAIL_MAX).collect());
    Error { detail, ..error.clone() }
}
