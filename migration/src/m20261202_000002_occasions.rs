//! Definitions that events start.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Says which schedules wait for events, and adds the table of what they have of them.
pub(crate) struct Occasions;

impl MigrationName for Occasions {
    fn name(&self) -> &'static str {
        "m20261202_000002_occasions"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Occasions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await
    }
}

/// `by_events` is 1 or 0. `open_sets` is how many sets of events are not complete; they lie in
/// `occasions`, whose `id` is the schedule's, and which has no row where nothing was kept yet. That row may be large and
/// is not read with the schedule.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE schedules ADD COLUMN by_events INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE schedules ADD COLUMN open_sets BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX schedules_by_events ON schedules (id, revision)
        WHERE by_events = 1 AND paused = 0",
    "CREATE TABLE occasions (id {text} PRIMARY KEY, state {bytes} NOT NULL)",
];
