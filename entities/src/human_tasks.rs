//! Reading tasks that people do. They are written with the batch that they come from.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryOrder, QuerySelect, sea_query};

use crate::entity::human_task::{Column, Entity};
use crate::row::cursor;
use crate::runs_list::before;
use crate::{Backend, Error, HumanTaskFilter, HumanTaskRow, Page, Paged, Store};

impl Store {
    /// Lists tasks that people do, the newest first. Those of an assignee include what is anyone's.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn human_tasks_list(
        &self,
        filter: &HumanTaskFilter,
        page: Page,
    ) -> Result<Paged<HumanTaskRow>, Error> {
        let mut query = Entity::find().filter(condition(self.backend(), filter));
        if let Some((at, id)) = page.after()? {
            query = query.filter(before(Column::CreatedAt, Column::Id, at, id));
        }
        let rows = query
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(page.fetch()?)
            .all(self.reader())
            .await
            .map_err(Error::because("list human tasks"))?;
        let items = rows.into_iter().map(HumanTaskRow::try_from).collect::<Result<_, _>>()?;
        Ok(page.cut(items, |row| cursor(row.created_at, &row.id)))
    }

    /// Reads one task that a person does.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn human_task_get(&self, id: &str) -> Result<Option<HumanTaskRow>, Error> {
        let because = Error::because("read a human task");
        let row = Entity::find_by_id(id).one(self.reader()).await.map_err(because)?;
        row.map(HumanTaskRow::try_from).transpose()
    }
}

fn condition(backend: Backend, filter: &HumanTaskFilter) -> Condition {
    let has = match backend {
        Backend::Postgres => "jsonb_exists(assignees::jsonb, $1)",
        Backend::Sqlite => "EXISTS (SELECT 1 FROM json_each(assignees) AS one WHERE one.value = ?)",
    };
    let of = |name: &str| {
        Condition::any()
            .add(Column::Assignees.eq("[]"))
            .add(sea_query::Expr::cust_with_values(has, [name]))
    };
    Condition::all()
        .add_option(filter.status.map(|status| Column::Status.eq(status.as_str())))
        .add_option(filter.run.as_ref().map(|run| Column::RunId.eq(run.as_str())))
        .add_option(filter.assignee.as_deref().map(of))
        .add_option(filter.told_from.map(|at| {
            Condition::any().add(Column::CreatedAt.gte(at)).add(Column::EscalatedAt.gte(at))
        }))
}
