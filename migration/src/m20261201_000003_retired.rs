//! Definitions that are retired.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds the column.
pub(crate) struct Retired;

impl MigrationName for Retired {
    fn name(&self) -> &'static str {
        "m20261201_000003_retired"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Retired {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, &["ALTER TABLE definitions ADD COLUMN retired_at BIGINT"]).await
    }
}
