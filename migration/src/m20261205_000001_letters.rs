//! Dead letters by what they died of, and those that were discarded.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds the columns, their indexes, and the table of discards.
pub(crate) struct Letters;

impl MigrationName for Letters {
    fn name(&self) -> &'static str {
        "m20261205_000001_letters"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Letters {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await
    }
}

/// A letter without a fingerprint was written before there were any, or by an engine that knows of none:
/// the retry engine gives it one.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE dead_letters ADD COLUMN fingerprint {text} NOT NULL DEFAULT ''",
    "ALTER TABLE dead_letters ADD COLUMN error_type {text} NOT NULL DEFAULT ''",
    "ALTER TABLE dead_letters ADD COLUMN discard {text}",
    "CREATE INDEX dead_letters_groups ON dead_letters (fingerprint, created_at, id)
        WHERE status = 'open'",
    "CREATE INDEX dead_letters_unmarked ON dead_letters (id) WHERE fingerprint = ''",
    "CREATE INDEX dead_letters_discarded ON dead_letters (discard) WHERE status = 'discarded'",
    "CREATE TABLE discards (
        id {text} PRIMARY KEY,
        filter {bytes} NOT NULL,
        letters BIGINT NOT NULL,
        discarded_by {text},
        reason {text} NOT NULL,
        at BIGINT NOT NULL,
        undone_at BIGINT,
        undone_by {text},
        undo_reason {text}
    )",
];
