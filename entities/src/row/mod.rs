//! What callers give and get.

mod batch;
mod dead_letter;
mod definition;
mod mail;
mod notification;
mod run;
mod schedule;
pub(crate) use run::{run_id, status};

pub use batch::{Batch, Committed, Counts, PartitionRow, RecoveryRow, RunWrite};
pub use dead_letter::{DeadLetterFilter, DeadLetterRow, DeadLetterStatus};
pub use definition::{Definition, DefinitionSummary, NewDefinition, Put};
pub use mail::{
    ListenerRow, MailBatch, MailLimit, MailRow, MailWaiting, OutboxRow, Overdue, Posted, RequestRow,
};
pub use notification::{NotificationRow, NotificationStatus};
pub use run::{Created, HistoryRow, NewRun, RunFilter, RunRow, RunSummary};
pub use schedule::{NewSchedule, OccasionStep, ScheduleRow, ScheduleStep};
