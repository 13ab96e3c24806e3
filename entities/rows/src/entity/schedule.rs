//! Rows of `schedules`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedules")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub definition: String,
    pub schedule: Vec<u8>,
    pub revision: i64,
    pub paused: i32,
    pub due_at: Option<i64>,
    pub next_at: Option<i64>,
    pub created_at: i64,
    pub last_run: Option<String>,
    pub last_due_at: Option<i64>,
    pub started: i64,
    pub skipped: i64,
    pub last_skipped_at: Option<i64>,
    pub last_skipped: Option<String>,
    pub by_events: i32,
    pub open_sets: i64,
}

/// No relation is ever joined.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
