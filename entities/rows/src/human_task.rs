//! Tasks that people do.

use kintsugi_core::RunId;

use crate::entity::human_task::Model;
use crate::{Error, run_id};

/// A task that a person does, with all that it takes to do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HumanTaskRow {
    /// `run:task`.
    pub id: String,
    /// The run.
    pub run: RunId,
    /// Number of the task.
    pub task: u64,
    /// `namespace/name:version` of the run's definition.
    pub definition: String,
    /// JSON pointer of the task in the definition.
    pub pointer: String,
    /// What is to be done, in a few words.
    pub title: String,
    /// JSON of the rest of the question.
    pub question: Vec<u8>,
    /// Whose task it is; empty: anyone's.
    pub assignees: Vec<String>,
    /// Where it stands.
    pub status: HumanTaskStatus,
    /// When it was asked.
    pub created_at: i64,
    /// When it is due.
    pub due_at: Option<i64>,
    /// When it was given to others, since it was due.
    pub escalated_at: Option<i64>,
    /// When it was over.
    pub ended_at: Option<i64>,
    /// Who answered.
    pub answered_by: Option<String>,
}

/// Where a task of a person stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HumanTaskStatus {
    /// It waits for an answer.
    Open,
    /// It was answered, and its run went on.
    Answered,
    /// Its run went on, or ended, without an answer.
    Withdrawn,
}

/// The end of a task of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HumanTaskEnd {
    /// `run:task`.
    pub id: String,
    /// Answered or withdrawn.
    pub status: HumanTaskStatus,
    /// When.
    pub at: i64,
    /// Who answered.
    pub by: Option<String>,
}

/// Which tasks of people are wanted. What is none does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HumanTaskFilter {
    /// In this status.
    pub status: Option<HumanTaskStatus>,
    /// Of this run.
    pub run: Option<RunId>,
    /// For this person or group by name.
    pub assignee: Option<String>,
    /// Asked, or given to others, at this time or later.
    pub told_from: Option<i64>,
}

impl HumanTaskStatus {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered => "answered",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads a name as [`HumanTaskStatus::as_str`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Open, Self::Answered, Self::Withdrawn];
        all.into_iter().find(|status| status.as_str() == text)
    }
}

impl TryFrom<Model> for HumanTaskRow {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let unreadable =
            |problem: String| Error::corrupt(format!("human task {}", row.id), problem);
        Ok(Self {
            run: run_id(&row.run_id)?,
            task: u64::try_from(row.task).map_err(|e| unreadable(e.to_string()))?,
            assignees: serde_json::from_str(&row.assignees)
                .map_err(|e| unreadable(e.to_string()))?,
            status: HumanTaskStatus::parse(&row.status)
                .ok_or_else(|| unreadable(format!("unknown status `{}`", row.status)))?,
            id: row.id,
            definition: row.definition,
            pointer: row.pointer,
            title: row.title,
            question: row.question,
            created_at: row.created_at,
            due_at: row.due_at,
            escalated_at: row.escalated_at,
            ended_at: row.ended_at,
            answered_by: row.answered_by,
        })
    }
}
