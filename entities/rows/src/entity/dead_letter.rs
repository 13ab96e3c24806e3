//! Rows of `dead_letters`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letters")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub run_id: String,
    pub task: i64,
    pub epoch: i64,
    pub definition: String,
    pub pointer: String,
    pub task_type: String,
    pub queue: String,
    pub input: Vec<u8>,
    pub error: Vec<u8>,
    pub failures: i64,
    pub crashes: i64,
    pub outcome: String,
    pub attempts: Vec<u8>,
    pub trace_parent: Option<String>,
    pub status: String,
    pub created_at: i64,
    pub redriven_at: Option<i64>,
    pub published_at: Option<i64>,
    pub fingerprint: String,
    pub error_type: String,
    pub discard: Option<String>,
}

/// No relation is ever joined: the hot statements are written by hand.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
