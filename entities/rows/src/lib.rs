//! Rows of the tables: as SeaORM has them ([`entity`]), and as callers of `kintsugi-entities` give and
//! get them; what can go wrong, and pages. The statements themselves are that crate's.

mod batch;
mod dead_letter;
mod definition;
#[doc(hidden)]
pub mod entity;
mod error;
mod hold;
mod human_task;
mod letters;
mod mail;
mod notification;
mod page;
mod permit;
mod redrive;
mod run;
mod schedule;
#[doc(hidden)]
pub mod sql;
mod task_type;

pub use batch::{Batch, Committed, Counts, PartitionRow, RecoveryRow, RunWrite};
pub use dead_letter::{DeadLetterFilter, DeadLetterRow, DeadLetterStatus};
pub use definition::{Definition, DefinitionSummary, NewDefinition, Put};
pub use error::{Error, code, message};
pub use hold::{HoldKind, HoldPut, HoldRow};
pub use human_task::{HumanTaskEnd, HumanTaskFilter, HumanTaskRow, HumanTaskStatus};
pub use letters::{DiscardRow, LetterGroup, LetterSample, Undo};
pub use mail::{
    ListenerRow, MailBatch, MailLimit, MailRow, MailStanding, MailWaiting, OutboxRow, Overdue,
    Posted, RequestRow,
};
pub use notification::{NotificationRow, NotificationStatus};
pub use page::{Page, Paged, cursor};
pub use permit::{PermitHolder, PermitLine, PermitRound, PermitRow, PermitWrite};
pub use redrive::{
    RedriveCounts, RedriveKind, RedriveLook, RedrivePick, RedriveRow, RedriveState, RedriveStep,
};
pub use run::{Created, HistoryRow, NewRun, RunFilter, RunRow, RunSummary, run_id, status};
pub use schedule::{NewSchedule, OccasionStep, ScheduleRow, ScheduleStep};
pub use task_type::{TaskTypePut, TaskTypeRow, TaskTypeSummary};
