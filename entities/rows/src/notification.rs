//! Notifications: what a person or a system outside gets, at least once.

use kintsugi_core::RunId;

use crate::Error;
use crate::entity::notification::Model;
use crate::run_id;

/// A notification and how far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationRow {
    /// Id of the event, by which its receiver drops repeats.
    pub id: String,
    /// What kind of event.
    pub kind: String,
    /// The run concerned.
    pub run: RunId,
    /// The body, as JSON.
    pub payload: Vec<u8>,
    /// When it was noted.
    pub created_at: i64,
    /// When it is to be tried next.
    pub due_at: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// How far it got.
    pub status: NotificationStatus,
}

/// How far a notification got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NotificationStatus {
    /// It is to be delivered.
    #[default]
    Pending,
    /// Its receiver took it.
    Done,
    /// It was given up.
    Dead,
}

impl NotificationStatus {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Done, Self::Dead].into_iter().find(|status| status.as_str() == text)
    }
}

impl TryFrom<Model> for NotificationRow {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let unreadable =
            |problem: String| Error::corrupt(format!("notification {}", row.id), problem);
        Ok(Self {
            run: run_id(&row.run_id)?,
            attempts: u32::try_from(row.attempts).map_err(|e| unreadable(e.to_string()))?,
            status: NotificationStatus::parse(&row.status)
                .ok_or_else(|| unreadable(format!("unknown status `{}`", row.status)))?,
            id: row.id,
            kind: row.kind,
            payload: row.payload,
            created_at: row.created_at,
            due_at: row.due_at,
        })
    }
}
