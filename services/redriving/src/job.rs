//! What a job is told, and how far it is.

use serde::{Deserialize, Serialize};

/// Changes that a job remembers: of more, the first and the last ones.
const CHANGES_MAX: usize = 100;

/// How a job goes about its letters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Letters that are asked in a second, at most.
    pub rate: u32,
    /// One letter is tried first, then ten, then all.
    pub canary: bool,
    /// The share of decided letters that may fail again, 0 to 1; above it the job stops.
    pub stop_at: f64,
    /// How many letters must be decided before the share counts; at the end of a stage it always does.
    pub stop_after: u64,
    /// How long the last letters of a stage are waited for, in milliseconds.
    pub wait_ms: i64,
}

/// Why a plan cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit(pub &'static str);

impl Default for Plan {
    /// 50 letters a second are 180,000 an hour, and about what a handful of workers does besides its own.
    fn default() -> Self {
        Self { rate: 50, canary: true, stop_at: 0.2, stop_after: 20, wait_ms: 600_000 }
    }
}

impl Plan {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    ///
    /// With what is wrong.
    pub fn check(&self) -> Result<(), Unfit> {
        if !(1..=1_000).contains(&self.rate) {
            return Err(Unfit("`rate` must be 1 to 1000 letters a second"));
        }
        if !(0.0..=1.0).contains(&self.stop_at) {
            return Err(Unfit("`stop_at` must be 0 to 1"));
        }
        if !(1..=10_000).contains(&self.stop_after) {
            return Err(Unfit("`stop_after` must be 1 to 10000 letters"));
        }
        if !(1_000..=86_400_000).contains(&self.wait_ms) {
            return Err(Unfit("`wait` must be 1s to 24h"));
        }
        Ok(())
    }

    /// Where a job with this plan begins.
    #[must_use]
    pub fn first(&self) -> Stage {
        if self.canary { Stage::One } else { Stage::All }
    }
}

/// How far the job may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// One letter.
    One,
    /// Ten more.
    Ten,
    /// All of them.
    All,
}

impl Stage {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Ten => "ten",
            Self::All => "all",
        }
    }

    /// How many letters are asked by its end; none: all.
    pub(crate) fn limit(self) -> Option<u64> {
        match self {
            Self::One => Some(1),
            Self::Ten => Some(11),
            Self::All => None,
        }
    }

    pub(crate) fn after(self) -> Self {
        if self == Self::One { Self::Ten } else { Self::All }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It asks letters, or waits for what they come to.
    Running,
    /// Someone paused it.
    Paused,
    /// Too many failed again.
    Stopped,
    /// Every letter is decided, or was waited for.
    Completed,
    /// Someone cancelled it.
    Cancelled,
}

impl Status {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads a name as [`Status::as_str`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Running, Self::Paused, Self::Stopped, Self::Completed, Self::Cancelled];
        all.into_iter().find(|status| status.as_str() == text)
    }

    /// Nothing follows.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Running | Self::Paused)
    }
}

/// A change that someone made to a job, or the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When, in milliseconds of the epoch.
    pub at: i64,
    /// What it came to, e.g. `paused`.
    pub what: String,
    /// Who; none: the engine, or nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How far it may go now.
    pub stage: Stage,
    /// When the next letter may be asked: how the rate is kept.
    pub paced_at: i64,
    /// When letters were asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<i64>,
    /// What happened to it, the oldest first.
    pub changes: Vec<Change>,
}

impl Progress {
    /// Of a job that begins.
    #[must_use]
    pub fn begin(plan: &Plan, at: i64, by: Option<String>, why: String) -> Self {
        let created = Change { at, what: "created".to_owned(), by, why: Some(why) };
        Self { stage: plan.first(), paced_at: at, asked_at: None, changes: vec![created] }
    }

    /// Remembers a change. Of too many, those after the first are forgotten first.
    pub fn note(&mut self, change: Change) {
        if self.changes.len() >= CHANGES_MAX {
            self.changes.remove(1);
        }
        self.changes.push(change);
    }

    /// Why it is where it is, if that was said.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.changes.last().and_then(|last| last.why.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_makes_no_sense_is_refused() {
        assert_eq!(Plan::default().check(), Ok(()));
        for plan in [
            Plan { rate: 0, ..Plan::default() },
            Plan { rate: 1_001, ..Plan::default() },
            Plan { stop_at: 1.1, ..Plan::default() },
            Plan { stop_at: f64::NAN, ..Plan::default() },
            Plan { stop_after: 0, ..Plan::default() },
            Plan { wait_ms: 999, ..Plan::default() },
        ] {
            assert!(plan.check().is_err(), "{plan:?}");
        }
    }

    #[test]
    fn a_job_remembers_its_beginning_and_what_happened_last() {
        let mut progress = Progress::begin(&Plan::default(), 0, None, "mended".to_owned());
        for at in 1..500 {
            let what = "paused".to_owned();
            progress.note(Change { at, what, by: None, why: None });
        }
        assert_eq!(progress.changes.len(), CHANGES_MAX);
        let (first, last) = (&progress.changes[0], progress.changes.last().unwrap());
        assert_eq!((first.at, last.at), (0, 499));
    }
}
