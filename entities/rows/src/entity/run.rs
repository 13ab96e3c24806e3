//! Rows of `runs`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "runs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub definition: String,
    pub namespace: String,
    pub partition: i32,
    pub version: i64,
    pub status: String,
    pub wake_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub ended_at: Option<i64>,
    pub parent: Option<String>,
    pub start_key: Option<String>,
    pub request_digest: String,
    pub trace_parent: Option<String>,
    pub state: Vec<u8>,
}

/// The columns, for statements by hand. They never say `*`: a column that a newer version of the
/// engine adds would break what Postgres has prepared.
pub const COLUMNS: &str = "id, definition, namespace, partition, version, status, wake_at, \
    created_at, updated_at, ended_at, parent, start_key, request_digest, trace_parent, state";

/// No relation is ever joined: the hot statements are written by hand.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
