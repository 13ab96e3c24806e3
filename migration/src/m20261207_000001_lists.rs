//! Indexes in which the runs of one status lie in the order of a page.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Puts more into two indexes.
pub(crate) struct Lists;

impl MigrationName for Lists {
    fn name(&self) -> &'static str {
        "m20261207_000001_lists"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Lists {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            // An index takes some seconds for a million runs.
            let patience = "SET LOCAL statement_timeout = '1h'";
            manager.get_connection().execute_unprepared(patience).await?;
        }
        dialect::execute(manager, STATEMENTS).await
    }
}

/// As many as before, so that a step writes no more than it did.
const STATEMENTS: &[&str] = &[
    "DROP INDEX runs_definition",
    "DROP INDEX runs_parent",
    "CREATE INDEX runs_definition ON runs (definition, status, created_at, id)",
    "CREATE INDEX runs_parent ON runs (parent, status, created_at, id) WHERE parent IS NOT NULL",
];
