//! What was asked of runs, until it is done.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds the table of requests.
pub(crate) struct Requests;

impl MigrationName for Requests {
    fn name(&self) -> &'static str {
        "m20261126_000002_requests"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Requests {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await
    }
}

/// `letter` is the dead letter that is to be redriven; none: the run is to be cancelled. `input` is
/// what its machine is told.
const STATEMENTS: &[&str] = &[
    "CREATE TABLE requests (
        id {text} PRIMARY KEY,
        run_id {text} NOT NULL,
        letter {text},
        at BIGINT NOT NULL,
        input {bytes} NOT NULL
    )",
    "CREATE INDEX requests_at ON requests (at)",
];
