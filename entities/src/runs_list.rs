//! Listing runs.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{Condition, DerivePartialModel, QueryOrder, QuerySelect};

use crate::entity::run::{Column, Entity};
use crate::row::cursor;
use crate::row::{run_id, status};
use crate::{Error, Page, Paged, RunFilter, RunSummary, Store};

/// Without the state, which is most of a row.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Listed {
    id: String,
    definition: String,
    version: i64,
    status: String,
    wake_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    ended_at: Option<i64>,
    parent: Option<String>,
}

impl Store {
    /// Lists runs, the newest first.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn runs_list(
        &self,
        filter: &RunFilter,
        page: Page,
    ) -> Result<Paged<RunSummary>, Error> {
        let mut query = Entity::find().filter(condition(filter));
        if let Some((at, id)) = page.after()? {
            query = query.filter(before(Column::CreatedAt, Column::Id, at, id));
        }
        let rows = query
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(page.fetch()?)
            .into_partial_model::<Listed>()
            .all(self.reader())
            .await
            .map_err(Error::because("list runs"))?;
        let items = rows.into_iter().map(summary).collect::<Result<Vec<_>, _>>()?;
        Ok(page.cut(items, |row| cursor(row.created_at, row.id.as_str())))
    }
}

/// What comes after a row when the newest come first. As one comparison of pairs, for which the
/// databases go to the right place in the index at once.
pub(crate) fn before<C: ColumnTrait>(at: C, id: C, at_value: i64, id_value: &str) -> Expr {
    Expr::tuple([Expr::col(at), Expr::col(id)])
        .lt(Expr::tuple([Expr::value(at_value), Expr::value(id_value)]))
}

/// Texts that begin with `prefix`, as a range, which an index serves whatever the collation of the
/// patterns; of definitions, exactly one where the prefix has a version.
pub(crate) fn begins<C: ColumnTrait>(column: C, prefix: &str) -> Condition {
    if prefix.split_once(':').is_some_and(|(_, version)| !version.is_empty()) {
        return Condition::all().add(column.eq(prefix));
    }
    Condition::all().add(column.gte(prefix)).add(column.lt(format!("{prefix}\u{10FFFF}")))
}

fn condition(filter: &RunFilter) -> Condition {
    Condition::all()
        .add_option(filter.status.map(|status| Column::Status.eq(status.as_str())))
        .add_option(filter.definition.as_deref().map(|text| begins(Column::Definition, text)))
        .add_option(
            filter.namespace.as_deref().map(|name| begins(Column::Definition, &format!("{name}/"))),
        )
        .add_option(filter.parent.as_ref().map(|run| Column::Parent.eq(run.as_str())))
        .add_option(filter.ended_from.map(|at| Column::EndedAt.gte(at)))
        .add_option(filter.created_from.map(|at| Column::CreatedAt.gte(at)))
}

fn summary(row: Listed) -> Result<RunSummary, Error> {
    Ok(RunSummary {
        status: status(&row.id, &row.status)?,
        id: run_id(&row.id)?,
        parent: row.parent.as_deref().map(run_id).transpose()?,
        definition: row.definition,
        version: row.version,
        wake_at: row.wake_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
        ended_at: row.ended_at,
    })
}
