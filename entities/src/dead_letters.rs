//! Reading dead letters. They are written with the batch that they come from.

use std::time::{SystemTime, UNIX_EPOCH};

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryOrder, QuerySelect};

use crate::entity::dead_letter::{Column, Entity};
use crate::row::cursor;
use crate::runs_list::{before, begins};
use crate::{DeadLetterFilter, DeadLetterRow, DeadLetterStatus, Error, Page, Paged, Store};

impl Store {
    /// Lists dead letters, the newest first.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn dead_letters_list(
        &self,
        filter: &DeadLetterFilter,
        page: Page,
    ) -> Result<Paged<DeadLetterRow>, Error> {
        let mut query = Entity::find().filter(condition(filter));
        if let Some((at, id)) = page.after()? {
            query = query.filter(before(Column::CreatedAt, Column::Id, at, id));
        }
        let rows = query
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(page.fetch()?)
            .all(self.reader())
            .await
            .map_err(Error::because("list dead letters"))?;
        let items = rows.into_iter().map(DeadLetterRow::try_from).collect::<Result<_, _>>()?;
        Ok(page.cut(items, |row| cursor(row.created_at, &row.id)))
    }

    /// Reads one dead letter.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn dead_letter_get(&self, id: &str) -> Result<Option<DeadLetterRow>, Error> {
        let because = Error::because("read a dead letter");
        let row = Entity::find_by_id(id).one(self.reader()).await.map_err(because)?;
        row.map(DeadLetterRow::try_from).transpose()
    }

    /// Dead letters that the stream does not hold yet, the oldest first.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn dead_letters_unpublished(&self, limit: u32) -> Result<Vec<DeadLetterRow>, Error> {
        let rows = Entity::find()
            .filter(Column::PublishedAt.is_null())
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .limit(u64::from(limit))
            .all(self.reader())
            .await
            .map_err(Error::because("find dead letters to publish"))?;
        rows.into_iter().map(DeadLetterRow::try_from).collect()
    }

    /// Notes that the stream holds these dead letters from now on.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn dead_letters_mark_published(&self, ids: &[String]) -> Result<(), Error> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        for ids in ids.chunks(crate::batch::ROWS_MAX) {
            Entity::update_many()
                .col_expr(Column::PublishedAt, Expr::value(now))
                .filter(Column::Id.is_in(ids))
                .filter(Column::PublishedAt.is_null())
                .exec(self.writer())
                .await
                .map_err(Error::because("note that dead letters are published"))?;
        }
        Ok(())
    }

    /// Takes back that the stream holds any of them: it is another stream. Gives how many.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn dead_letters_unmark_published(&self) -> Result<u64, Error> {
        let done = Entity::update_many()
            .col_expr(Column::PublishedAt, Expr::value(None::<i64>))
            .filter(Column::PublishedAt.is_not_null())
            .exec(self.writer())
            .await
            .map_err(Error::because("take back that dead letters are published"))?;
        Ok(done.rows_affected)
    }
}

pub(crate) fn condition(filter: &DeadLetterFilter) -> Condition {
    Condition::all()
        .add_option(filter.status.map(is))
        .add_option(filter.run.as_ref().map(|run| Column::RunId.eq(run.as_str())))
        .add_option(filter.definition.as_deref().map(|text| begins(Column::Definition, text)))
        .add_option(filter.queue.as_deref().map(|queue| Column::Queue.eq(queue)))
        .add_option(filter.task_type.as_deref().map(|kind| Column::TaskType.eq(kind)))
        .add_option(filter.created_from.map(|at| Column::CreatedAt.gte(at)))
        .add_option(filter.created_to.map(|at| Column::CreatedAt.lt(at)))
        .add_option(filter.fingerprint.as_deref().map(|mark| Column::Fingerprint.eq(mark)))
        .add_option(filter.error_type.as_deref().map(|kind| Column::ErrorType.eq(kind)))
        .add_option(filter.id.as_deref().map(|id| Column::Id.eq(id)))
}

/// The status stands in the text of the statement: a plan for any parameter uses no partial index.
fn is(status: DeadLetterStatus) -> Expr {
    Expr::cust(format!("dead_letters.status = '{}'", status.as_str()))
}
