//! Definitions that start runs by themselves.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds the table of schedules.
pub(crate) struct Schedules;

impl MigrationName for Schedules {
    fn name(&self) -> &'static str {
        "m20261202_000001_schedules"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Schedules {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await
    }
}

/// `id` is `namespace/name`: one schedule for all versions. `next_at` is when it is looked at, which
/// jitter makes later than `due_at`; NULL where no due time follows. `paused` is 1 or 0.
const STATEMENTS: &[&str] = &[
    "CREATE TABLE schedules (
        id {text} PRIMARY KEY,
        definition {text} NOT NULL,
        schedule {bytes} NOT NULL,
        revision BIGINT NOT NULL,
        paused INTEGER NOT NULL,
        due_at BIGINT,
        next_at BIGINT,
        created_at BIGINT NOT NULL,
        last_run {text},
        last_due_at BIGINT,
        started BIGINT NOT NULL,
        skipped BIGINT NOT NULL,
        last_skipped_at BIGINT,
        last_skipped {text}
    ){roomy}",
    "CREATE INDEX schedules_next_at ON schedules (next_at, id)
        WHERE next_at IS NOT NULL AND paused = 0",
];
