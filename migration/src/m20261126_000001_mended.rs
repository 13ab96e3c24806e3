//! How much was mended in runs that are gone.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds the table of what the recovery log no longer holds.
pub(crate) struct Mended;

impl MigrationName for Mended {
    fn name(&self) -> &'static str {
        "m20261126_000001_mended"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Mended {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await
    }
}

/// Entries of the recovery log that were deleted with their runs, so that their number goes on.
const STATEMENTS: &[&str] = &["CREATE TABLE recoveries_gone (
        kind {text} PRIMARY KEY,
        count BIGINT NOT NULL
    )"];
