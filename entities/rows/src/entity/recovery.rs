//! Rows of `recoveries`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recoveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub at: i64,
    pub kind: String,
    pub run_id: Option<String>,
    pub task: Option<i64>,
    pub epoch: Option<i64>,
    pub worker: Option<String>,
    pub seen_at: i64,
    pub decided: String,
    pub outcome: String,
    pub duration_ms: i64,
    pub decided_by: String,
}

/// No relation is ever joined: the hot statements are written by hand.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
