//! Rows of `redrives`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "redrives")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub filter: Vec<u8>,
    pub patch: Option<Vec<u8>>,
    pub plan: Vec<u8>,
    pub asked_by: Option<String>,
    pub reason: String,
    pub at: i64,
    pub status: String,
    pub progress: Vec<u8>,
    pub version: i64,
    pub next_at: Option<i64>,
}

/// No relation is ever joined: the hot statements are written by hand.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
