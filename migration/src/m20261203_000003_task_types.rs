//! What is known of task types.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds the registry of task types.
pub(crate) struct TaskTypes;

impl MigrationName for TaskTypes {
    fn name(&self) -> &'static str {
        "m20261203_000003_task_types"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for TaskTypes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, STATEMENTS).await
    }
}

/// `body` is what is said of a task type, as JSON with sorted keys, and `digest` is of just that.
const STATEMENTS: &[&str] = &["CREATE TABLE task_types (
        name {text} PRIMARY KEY,
        body {bytes} NOT NULL,
        digest {text} NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL
    )"];
