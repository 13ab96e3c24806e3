//! Rows of `definitions`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "definitions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub namespace: String,
    pub name: String,
    pub version: String,
    pub digest: String,
    pub format: String,
    pub source: Vec<u8>,
    pub document: Vec<u8>,
    pub resources: Option<Vec<u8>>,
    pub created_at: i64,
    pub retired_at: Option<i64>,
}

/// No relation is ever joined: the hot statements are written by hand.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
