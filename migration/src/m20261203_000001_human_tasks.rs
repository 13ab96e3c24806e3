//! Tasks that people do.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds the table of tasks that people do.
pub(crate) struct HumanTasks;

impl MigrationName for HumanTasks {
    fn name(&self) -> &'static str {
        "m20261203_000001_human_tasks"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for HumanTasks {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await
    }
}

/// `assignees` is a JSON array of names; `question` is what the asked get to see.
const STATEMENTS: &[&str] = &[
    "CREATE TABLE human_tasks (
        id {text} PRIMARY KEY,
        run_id {text} NOT NULL,
        task BIGINT NOT NULL,
        definition {text} NOT NULL,
        pointer {text} NOT NULL,
        title {text} NOT NULL,
        question {bytes} NOT NULL,
        assignees {text} NOT NULL,
        status {text} NOT NULL,
        created_at BIGINT NOT NULL,
        due_at BIGINT,
        escalated_at BIGINT,
        ended_at BIGINT,
        answered_by {text}
    )",
    "CREATE INDEX human_tasks_run ON human_tasks (run_id)",
    "CREATE INDEX human_tasks_status ON human_tasks (status, created_at, id)",
    "CREATE INDEX human_tasks_created ON human_tasks (created_at, id)",
    "CREATE INDEX human_tasks_escalated ON human_tasks (escalated_at)",
];
