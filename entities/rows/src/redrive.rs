//! Redrives of many dead letters.

use kintsugi_core::{RunId, Status};

use crate::{DeadLetterStatus, RequestRow, entity};

/// A redrive of many letters, as it is stored.
pub type RedriveRow = entity::redrive::Model;

/// Of the letters that a redrive would take, those of one definition that died of the same.
#[derive(Clone, Debug, PartialEq, Eq, sea_orm::FromQueryResult)]
pub struct RedriveKind {
    /// `namespace/name:version` of the definition.
    pub definition: String,
    /// The task type.
    pub task_type: String,
    /// What they have in common.
    pub fingerprint: String,
    /// URI of the last error's type.
    pub error_type: String,
    /// How many there are.
    pub letters: i64,
    /// How many there are of all kinds.
    pub total: i64,
}

/// Where a letter of a redrive stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RedriveState {
    /// Nothing was asked of its run yet.
    Waiting,
    /// Its run was asked, and what that came to is not known yet.
    Asked,
    /// Its run got past the task.
    Succeeded,
    /// Its task died again.
    Failed,
    /// It was not ours to redrive any more.
    Skipped,
}

impl RedriveState {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Asked => "asked",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Reads a name as [`RedriveState::as_str`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Waiting, Self::Asked, Self::Succeeded, Self::Failed, Self::Skipped];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

/// How many letters of a redrive stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RedriveCounts {
    /// Nothing was asked of their runs yet.
    pub waiting: u64,
    /// Asked, and not decided.
    pub undecided: u64,
    /// Their runs got past the task.
    pub succeeded: u64,
    /// Their tasks died again.
    pub failed: u64,
    /// Not ours to redrive any more.
    pub skipped: u64,
}

impl RedriveCounts {
    /// The count of one state.
    pub fn of(&mut self, state: RedriveState) -> &mut u64 {
        match state {
            RedriveState::Waiting => &mut self.waiting,
            RedriveState::Asked => &mut self.undecided,
            RedriveState::Succeeded => &mut self.succeeded,
            RedriveState::Failed => &mut self.failed,
            RedriveState::Skipped => &mut self.skipped,
        }
    }

    /// How many were asked.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.undecided + self.succeeded + self.failed
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.waiting + self.asked() + self.skipped
    }
}

/// What is known of a letter that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedriveLook {
    /// Its number in the redrive.
    pub n: i64,
    /// Number of its task.
    pub task: u64,
    /// Whether its run took it; none: it is gone.
    pub letter_status: Option<DeadLetterStatus>,
    /// What was asked is kept until the run has it.
    pub is_kept: bool,
    /// The same task died again since.
    pub died_again: bool,
    /// Where its run stands; none: it is gone.
    pub run_status: Option<Status>,
    /// The state of its run, where that is needed to tell.
    pub state: Option<Vec<u8>>,
}

/// A letter that is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedrivePick {
    /// Its number in the redrive.
    pub n: i64,
    /// Its id.
    pub letter: String,
    /// Its run.
    pub run: RunId,
    /// Number of its task.
    pub task: u64,
    /// Its epoch.
    pub epoch: u64,
    /// JSON of what its worker got; none: it is gone.
    pub input: Option<Vec<u8>>,
}

/// One step of a redrive, made true as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedriveStep {
    /// The row as it is to be, but for its version, which is still that of before.
    pub row: RedriveRow,
    /// What became of letters that were asked, by number.
    pub decided: Vec<(i64, RedriveState)>,
    /// What is asked of letters that wait, by number; none: it cannot be.
    pub asks: Vec<(i64, Option<RequestRow>)>,
    /// When.
    pub at: i64,
}
