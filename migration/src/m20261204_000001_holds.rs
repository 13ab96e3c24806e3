//! What is held by hand: task types, queues, definitions.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds the table of holds.
pub(crate) struct Holds;

impl MigrationName for Holds {
    fn name(&self) -> &'static str {
        "m20261204_000001_holds"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Holds {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await
    }
}

/// A hold that was lifted stays, so that people can read who held what, when and why. Of those that are
/// not, there is one of each kind and name.
const STATEMENTS: &[&str] = &[
    "CREATE TABLE holds (
        id {text} PRIMARY KEY,
        kind {text} NOT NULL,
        name {text} NOT NULL,
        held_by {text},
        reason {text},
        since BIGINT NOT NULL,
        lifted_at BIGINT,
        lifted_by {text},
        lift_reason {text}
    )",
    "CREATE UNIQUE INDEX holds_active ON holds (kind, name) WHERE lifted_at IS NULL",
];
