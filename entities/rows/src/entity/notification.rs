//! Rows of `notifications`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notifications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub kind: String,
    pub run_id: String,
    pub payload: Vec<u8>,
    pub created_at: i64,
    pub due_at: i64,
    pub attempts: i32,
    pub status: String,
}

/// No relation is ever joined: the hot statements are written by hand.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
