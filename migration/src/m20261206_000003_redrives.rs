//! Redrives of many dead letters, and what each of their letters came to.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds both tables.
pub(crate) struct Redrives;

impl MigrationName for Redrives {
    fn name(&self) -> &'static str {
        "m20261206_000003_redrives"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Redrives {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await
    }
}

/// The index of due ones is read with each scan of the retry engine, and mostly empty.
const STATEMENTS: &[&str] = &[
    "CREATE TABLE redrives (
        id {text} PRIMARY KEY,
        filter {bytes} NOT NULL,
        patch {bytes},
        plan {bytes} NOT NULL,
        asked_by {text},
        reason {text} NOT NULL,
        at BIGINT NOT NULL,
        status {text} NOT NULL,
        progress {bytes} NOT NULL,
        version BIGINT NOT NULL,
        next_at BIGINT
    )",
    "CREATE INDEX redrives_due ON redrives (next_at) WHERE next_at IS NOT NULL",
    "CREATE TABLE redrive_letters (
        job {text} NOT NULL,
        n BIGINT NOT NULL,
        letter {text} NOT NULL,
        run_id {text} NOT NULL,
        task BIGINT NOT NULL,
        epoch BIGINT NOT NULL,
        state {text} NOT NULL,
        asked_at BIGINT,
        PRIMARY KEY (job, n)
    )",
    "CREATE INDEX redrive_letters_state ON redrive_letters (job, state, n)",
];
