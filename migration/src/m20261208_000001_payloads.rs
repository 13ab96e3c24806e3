//! Payloads: large content, once each, in chunks.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds the tables.
pub(crate) struct Payloads;

impl MigrationName for Payloads {
    fn name(&self) -> &'static str {
        "m20261208_000001_payloads"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Payloads {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // Beside the row, and as it is: to try to compress half a megabyte costs more than it saves, and what is
            // large is often compressed already.
            let external = "ALTER TABLE payload_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL";
            manager.get_connection().execute_unprepared(external).await?;
        }
        Ok(())
    }
}

/// `body` names the chunks of an upload, and then those of the payload that it became.
const STATEMENTS: &[&str] = &[
    "CREATE TABLE payloads (
        sha256 {text} PRIMARY KEY,
        body {text} NOT NULL,
        bytes BIGINT NOT NULL,
        media_type {text} NOT NULL,
        created_at BIGINT NOT NULL,
        used_at BIGINT NOT NULL
    )",
    "CREATE INDEX payloads_used ON payloads (used_at)",
    "CREATE TABLE payload_chunks (
        body {text} NOT NULL,
        n BIGINT NOT NULL,
        bytes {bytes} NOT NULL,
        PRIMARY KEY (body, n)
    )",
    "CREATE TABLE payload_owners (
        run_id {text} NOT NULL,
        sha256 {text} NOT NULL,
        PRIMARY KEY (run_id, sha256)
    )",
    "CREATE INDEX payload_owners_sha256 ON payload_owners (sha256)",
    "CREATE TABLE payload_uploads (
        name {text} PRIMARY KEY,
        body {text} NOT NULL,
        at BIGINT NOT NULL
    )",
    "CREATE INDEX payload_uploads_at ON payload_uploads (at)",
];
