//! Rows of `human_tasks`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "human_tasks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub run_id: String,
    pub task: i64,
    pub definition: String,
    pub pointer: String,
    pub title: String,
    pub question: Vec<u8>,
    pub assignees: String,
    pub status: String,
    pub created_at: i64,
    pub due_at: Option<i64>,
    pub escalated_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub answered_by: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
