//! Tasks of which only so many are given out at a time.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds the table of permits.
pub(crate) struct Permits;

impl MigrationName for Permits {
    fn name(&self) -> &'static str {
        "m20261203_000002_permits"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Permits {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await
    }
}

/// A row waits until `granted_at`; `taken` once its run knows. `bound` is how many with this `key` may
/// be granted at a time.
const STATEMENTS: &[&str] = &[
    "CREATE TABLE permits (
        id {text} PRIMARY KEY,
        run_id {text} NOT NULL,
        task BIGINT NOT NULL,
        key {text} NOT NULL,
        bound BIGINT NOT NULL,
        priority BIGINT NOT NULL,
        at BIGINT NOT NULL,
        granted_at BIGINT,
        taken BIGINT NOT NULL
    )",
    "CREATE INDEX permits_run ON permits (run_id)",
    "CREATE INDEX permits_taken ON permits (taken, granted_at)",
    "CREATE INDEX permits_key ON permits (key, granted_at)",
];
