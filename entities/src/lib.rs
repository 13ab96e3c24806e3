//! The tables, and every statement the engine sends to them.
//!
//! One [`Store`] speaks to Postgres and to SQLite. Simple queries go through SeaORM's entities; the
//! hot ones ([`Store::runs_create`], [`Store::runs_load`], [`Store::commit_batch`],
//! [`Store::due`]) are written by hand, since a statement a row is ten times too slow there.
//!
//! All ids are text, all times milliseconds since the Unix epoch, all payloads JSON bytes. This
//! crate knows nothing of what the payloads mean.

mod batch;
mod counts;
mod dead_letters;
mod definitions;
mod definitions_resolve;
mod definitions_schedule;
mod detector;
mod due;
mod holds;
mod human_tasks;
mod ledger;
mod letters;
mod mail;
mod notifications;
mod occasions;
mod partitions;
mod permits;
mod redrives;
mod requests;
mod retention;
mod runs;
mod runs_create;
mod runs_list;
mod schedules;
mod store;
mod task_types;
mod waits;

pub use definitions_resolve::Resolved;
pub use due::Due;
pub use kintsugi_connection::{Backend, Options};
pub use kintsugi_payloads as payloads;
use kintsugi_rows as row;
pub use kintsugi_rows::{
    Batch, Committed, Counts, Created, DeadLetterFilter, DeadLetterRow, DeadLetterStatus,
    Definition, DefinitionSummary, DiscardRow, Error, HistoryRow, HoldKind, HoldPut, HoldRow,
    HumanTaskEnd, HumanTaskFilter, HumanTaskRow, HumanTaskStatus, LetterGroup, LetterSample,
    ListenerRow, MailBatch, MailLimit, MailRow, MailStanding, MailWaiting, NewDefinition, NewRun,
    NewSchedule, NotificationRow, NotificationStatus, OccasionStep, OutboxRow, Overdue, Page,
    Paged, PartitionRow, PermitHolder, PermitLine, PermitRound, PermitRow, PermitWrite, Posted,
    Put, RecoveryRow, RedriveCounts, RedriveKind, RedriveLook, RedrivePick, RedriveRow,
    RedriveState, RedriveStep, RequestRow, RunFilter, RunRow, RunSummary, RunWrite, ScheduleRow,
    ScheduleStep, TaskTypePut, TaskTypeRow, TaskTypeSummary, Undo,
};
use kintsugi_rows::{entity, sql};
#[cfg(feature = "testing")]
pub use kintsugi_testing as testing;
pub use ledger::{Bounds, Look as LedgerLook, Recorded, Since};
pub use requests::STEER;
pub use store::Store;
