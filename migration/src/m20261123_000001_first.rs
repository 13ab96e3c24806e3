//! The first schema.
//!
//! Times are milliseconds since the Unix epoch. There are no foreign keys: every write on the hot
//! path would pay for them, and the version guard proves more than they would.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// The first migration.
pub(crate) struct First;

impl MigrationName for First {
    fn name(&self) -> &'static str {
        "m20261123_000001_first"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, TABLES).await?;
        dialect::execute(manager, INDEXES).await
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE definitions (
        id {text} PRIMARY KEY,
        namespace {text} NOT NULL,
        name {text} NOT NULL,
        version {text} NOT NULL,
        digest {text} NOT NULL,
        format {text} NOT NULL,
        source {bytes} NOT NULL,
        document {bytes} NOT NULL,
        created_at BIGINT NOT NULL
    )",
    "CREATE TABLE runs (
        id {text} PRIMARY KEY,
        definition {text} NOT NULL,
        namespace {text} NOT NULL,
        partition INTEGER NOT NULL,
        version BIGINT NOT NULL,
        status {text} NOT NULL,
        wake_at BIGINT,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        ended_at BIGINT,
        parent {text},
        start_key {text},
        request_digest {text} NOT NULL,
        trace_parent {text},
        state {bytes} NOT NULL
    ){roomy}",
    "CREATE TABLE history (
        run_id {text} NOT NULL,
        seq BIGINT NOT NULL,
        at BIGINT NOT NULL,
        steps {bytes} NOT NULL,
        PRIMARY KEY (run_id, seq)
    )",
    "CREATE TABLE partitions (
        id INTEGER PRIMARY KEY,
        owner {text} NOT NULL,
        owner_epoch BIGINT NOT NULL,
        position BIGINT NOT NULL,
        stream {text} NOT NULL
    ){roomy}",
    "CREATE TABLE dead_letters (
        id {text} PRIMARY KEY,
        run_id {text} NOT NULL,
        task BIGINT NOT NULL,
        epoch BIGINT NOT NULL,
        definition {text} NOT NULL,
        pointer {text} NOT NULL,
        task_type {text} NOT NULL,
        queue {text} NOT NULL,
        input {bytes} NOT NULL,
        error {bytes} NOT NULL,
        failures BIGINT NOT NULL,
        crashes BIGINT NOT NULL,
        outcome {text} NOT NULL,
        attempts {bytes} NOT NULL,
        trace_parent {text},
        status {text} NOT NULL,
        created_at BIGINT NOT NULL,
        redriven_at BIGINT,
        published_at BIGINT
    )",
    "CREATE TABLE recoveries (
        id {text} PRIMARY KEY,
        at BIGINT NOT NULL,
        kind {text} NOT NULL,
        run_id {text},
        task BIGINT,
        epoch BIGINT,
        worker {text},
        seen_at BIGINT NOT NULL,
        decided {text} NOT NULL,
        outcome {text} NOT NULL,
        duration_ms BIGINT NOT NULL,
        decided_by {text} NOT NULL
    )",
    "CREATE TABLE notifications (
        id {text} PRIMARY KEY,
        kind {text} NOT NULL,
        run_id {text} NOT NULL,
        payload {bytes} NOT NULL,
        created_at BIGINT NOT NULL,
        due_at BIGINT NOT NULL,
        attempts INTEGER NOT NULL,
        status {text} NOT NULL
    )",
    "CREATE TABLE cursors (name {text} PRIMARY KEY, value BIGINT NOT NULL)",
    "CREATE TABLE streams (name {text} PRIMARY KEY, created {text} NOT NULL)",
];

/// Of these, an update of a run touches one or two at most, and none when neither its status nor
/// its next wake-up changes.
const INDEXES: &[&str] = &[
    "CREATE INDEX runs_wake_at ON runs (wake_at) WHERE wake_at IS NOT NULL",
    "CREATE INDEX runs_created_at ON runs (created_at, id)",
    "CREATE INDEX runs_status ON runs (status, created_at, id)",
    "CREATE INDEX runs_definition ON runs (definition, created_at, id)",
    "CREATE INDEX runs_ended_at ON runs (ended_at) WHERE ended_at IS NOT NULL",
    "CREATE INDEX runs_parent ON runs (parent) WHERE parent IS NOT NULL",
    "CREATE UNIQUE INDEX runs_start_key ON runs (namespace, start_key) WHERE start_key IS NOT NULL",
    "CREATE INDEX runs_open ON runs (id)
        WHERE status IN ('pending', 'running', 'waiting', 'suspended')",
    "CREATE INDEX dead_letters_created_at ON dead_letters (created_at, id)",
    "CREATE INDEX dead_letters_open ON dead_letters (created_at, id) WHERE status = 'open'",
    "CREATE INDEX dead_letters_unpublished ON dead_letters (created_at, id)
        WHERE published_at IS NULL",
    "CREATE INDEX dead_letters_run ON dead_letters (run_id)",
    "CREATE INDEX recoveries_at ON recoveries (at, id)",
    "CREATE INDEX recoveries_run ON recoveries (run_id, at, id) WHERE run_id IS NOT NULL",
    "CREATE INDEX notifications_due ON notifications (due_at) WHERE status = 'pending'",
    "CREATE INDEX notifications_run ON notifications (run_id)",
];
