//! What is open in a run, as far as its spans need it.

use std::collections::BTreeMap;

use kintsugi_core::{LossCause, RunId, Step, Timestamp};

use crate::spans::{RunSubject, run_spans};

/// When what is open in a run began. Grows with what is open, not with what was done.
///
/// It follows from the history alone: keep it beside a cached run, and make it anew
/// ([`SpanIndex::rebuild`]) when the run is loaded again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanIndex {
    pub(crate) attempts: BTreeMap<u64, Attempt>,
    pub(crate) retries: BTreeMap<u64, Retry>,
    pub(crate) takeovers: BTreeMap<u64, Takeover>,
    pub(crate) waits: BTreeMap<String, Wait>,
    /// Tasks that wait for a run that they started.
    pub(crate) children: BTreeMap<u64, Child>,
    /// Waits so far: their place in the history tells apart those of one pointer.
    pub(crate) waited: u64,
    /// How often the run was taken up again after its end.
    pub(crate) lives: u64,
    /// When it was taken up again.
    pub(crate) revived_at: Timestamp,
    pub(crate) is_over: bool,
}

/// An attempt that is out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) epoch: u64,
    pub(crate) at: Timestamp,
    pub(crate) pointer: String,
    pub(crate) task_type: String,
    pub(crate) queue: String,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) worker: Option<String>,
    pub(crate) timed_out: bool,
}

/// A delay before the next attempt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Retry {
    /// The attempt that failed.
    pub(crate) epoch: u64,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) failures: u32,
}

/// A lost attempt that nobody has taken over yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Takeover {
    pub(crate) epoch: u64,
    pub(crate) seen_at: Timestamp,
    pub(crate) cause: LossCause,
    pub(crate) worker: Option<String>,
}

/// A run that a task started.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Child {
    pub(crate) at: Timestamp,
    pub(crate) pointer: String,
    pub(crate) run: RunId,
    pub(crate) definition: String,
}

/// A `wait`, or the pause before a `try` tries again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wait {
    pub(crate) number: u64,
    pub(crate) is_retry: bool,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl SpanIndex {
    /// The index after `history`, which must begin with the run's first step.
    #[must_use]
    pub fn rebuild(subject: &RunSubject<'_>, history: &[Step]) -> Self {
        let mut index = Self::default();
        // Those spans were sent when the steps were committed.
        let _ = run_spans(subject, &mut index, history);
        index
    }

    /// Whether nothing is open: then it need not be kept for a run that is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }
}
