//! Events: who listens, what is on its way to a run, and what is to be published.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds the tables of events.
pub(crate) struct Events;

impl MigrationName for Events {
    fn name(&self) -> &'static str {
        "m20261125_000001_events"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Events {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await
    }
}

/// `listeners.type` is empty for a listen that takes any. `inbox.place` orders a run's events;
/// `parked` is 1 for those that wait for a listen, which nobody needs to be told of.
const STATEMENTS: &[&str] = &[
    "CREATE TABLE listeners (
        run_id {text} NOT NULL,
        task BIGINT NOT NULL,
        type {text} NOT NULL,
        PRIMARY KEY (run_id, task, type)
    )",
    "CREATE INDEX listeners_type ON listeners (type, run_id)",
    "CREATE TABLE inbox (
        run_id {text} NOT NULL,
        key {text} NOT NULL,
        place BIGINT NOT NULL,
        at BIGINT NOT NULL,
        directed INTEGER NOT NULL,
        parked INTEGER NOT NULL,
        event {bytes} NOT NULL,
        PRIMARY KEY (run_id, key)
    )",
    "CREATE INDEX inbox_waiting ON inbox (run_id, place) WHERE parked = 0",
    "CREATE INDEX inbox_at ON inbox (at) WHERE parked = 0",
    "CREATE TABLE outbox (
        key {text} PRIMARY KEY,
        run_id {text} NOT NULL,
        type {text} NOT NULL,
        at BIGINT NOT NULL,
        event {bytes} NOT NULL
    )",
    "CREATE INDEX outbox_at ON outbox (at)",
];
