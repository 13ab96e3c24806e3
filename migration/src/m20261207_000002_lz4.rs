//! What the values of a run are compressed with.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Sets it where it can be chosen.
pub(crate) struct Lz4;

impl MigrationName for Lz4 {
    fn name(&self) -> &'static str {
        "m20261207_000002_lz4"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Lz4 {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let connection = manager.get_connection();
        let asked = Statement::from_string(DbBackend::Postgres, KNOWN);
        if connection.query_one_raw(asked).await?.is_none() {
            return Ok(());
        }
        dialect::execute(manager, STATEMENTS).await
    }
}

/// A row where the server has lz4: some are built without it, and before version 14 none has it.
const KNOWN: &str = "SELECT 1 FROM pg_settings \
    WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)";

/// What was written before stays as it is, and can be read.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE runs ALTER COLUMN state SET COMPRESSION lz4",
    "ALTER TABLE history ALTER COLUMN steps SET COMPRESSION lz4",
    "ALTER TABLE inbox ALTER COLUMN event SET COMPRESSION lz4",
    "ALTER TABLE outbox ALTER COLUMN event SET COMPRESSION lz4",
];
