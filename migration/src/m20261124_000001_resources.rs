//! What a definition refers to outside itself is stored with it: an array of URI, digest and
//! content as JSON, or NULL where there is nothing.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect;

/// Adds `definitions.resources`.
pub(crate) struct Resources;

impl MigrationName for Resources {
    fn name(&self) -> &'static str {
        "m20261124_000001_resources"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and must be met to the letter"
)]
#[async_trait::async_trait]
impl MigrationTrait for Resources {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = ["ALTER TABLE definitions ADD COLUMN resources {bytes}"];
        dialect::execute(manager, &statements).await
    }
}
