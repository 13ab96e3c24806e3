//! Schedules: what is due, and what became of it.

use std::collections::HashMap;

use kintsugi_core::{RunId, Status};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, SimpleExpr};
use sea_orm::{DerivePartialModel, QueryOrder, QuerySelect, TransactionTrait};

use crate::entity::run;
use crate::entity::schedule::{Column, Entity};
use crate::row::{run_id, status};
use crate::{Error, NewRun, Page, Paged, ScheduleRow, ScheduleStep, Store};

/// Where a run stands.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "run::Entity")]
struct Standing {
    id: String,
    status: String,
    ended_at: Option<i64>,
}

impl Store {
    /// The schedules that are looked at next, the first first; those that are paused are not.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn schedules_next(&self, limit: u32) -> Result<Vec<ScheduleRow>, Error> {
        let rows = Entity::find()
            // As in the index, or no planner sees that it serves.
            .filter(Expr::cust("next_at IS NOT NULL AND paused = 0"))
            .order_by_asc(Column::NextAt)
            .order_by_asc(Column::Id)
            .limit(u64::from(limit))
            .all(self.reader())
            .await
            .map_err(Error::because("find the schedules that are due"))?;
        rows.into_iter().map(ScheduleRow::try_from).collect()
    }

    /// Where the runs stand that exist of `ids`, and when they ended.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn runs_standing(
        &self,
        ids: &[RunId],
    ) -> Result<HashMap<RunId, (Status, Option<i64>)>, Error> {
        let mut standing = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(crate::batch::ROWS_MAX) {
            let rows = run::Entity::find()
                .filter(run::Column::Id.is_in(ids.iter().map(RunId::as_str)))
                .into_partial_model::<Standing>()
                .all(self.reader())
                .await
                .map_err(Error::because("look at runs"))?;
            for row in rows {
                let found = (status(&row.id, &row.status)?, row.ended_at);
                standing.insert(run_id(&row.id)?, found);
            }
        }
        Ok(standing)
    }

    /// Starts runs of a schedule and moves it on, together or not at all; whether it did. It does not
    /// where the schedule has changed since, for instance because another one did the same.
    ///
    /// # Errors
    ///
    /// When the database does not answer. It is then unknown whether it happened: look again.
    pub async fn schedule_step(&self, step: &ScheduleStep) -> Result<bool, Error> {
        let because = Error::because("move a schedule on");
        let transaction = self.writer().begin().await.map_err(&because)?;
        let started = i64::try_from(step.runs.len()).unwrap_or(i64::MAX);
        let mut update = Entity::update_many()
            .col_expr(Column::Revision, more(Column::Revision, 1))
            .col_expr(Column::DueAt, Expr::value(step.due_at))
            .col_expr(Column::NextAt, Expr::value(step.next_at))
            .col_expr(Column::Started, more(Column::Started, started))
            .col_expr(Column::Skipped, more(Column::Skipped, step.skipped));
        if let Some((why, at)) = &step.skipped_why {
            update = update
                .col_expr(Column::LastSkipped, Expr::value(why.as_str()))
                .col_expr(Column::LastSkippedAt, Expr::value(*at));
        }
        if let Some((run, due)) = step.runs.last() {
            update = update
                .col_expr(Column::LastRun, Expr::value(run.id.as_str()))
                .col_expr(Column::LastDueAt, Expr::value(*due));
        }
        let updated = update
            .filter(Column::Id.eq(&step.id))
            .filter(Column::Revision.eq(step.revision))
            .filter(Column::Paused.eq(0))
            .exec(&transaction)
            .await
            .map_err(&because)?;
        if updated.rows_affected != 1 {
            transaction.rollback().await.map_err(&because)?;
            return Ok(false);
        }
        let runs: Vec<NewRun> = step.runs.iter().map(|(run, _)| run.clone()).collect();
        self.insert_runs(&transaction, &runs).await?;
        transaction.commit().await.map_err(&because)?;
        Ok(true)
    }

    /// Pauses a schedule, or lets it go on with the due time given; whether it did. It does not where
    /// the schedule has changed since `revision`.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn schedule_pause(
        &self,
        row: &ScheduleRow,
        paused: bool,
        (due_at, next_at): (Option<i64>, Option<i64>),
    ) -> Result<bool, Error> {
        let updated = Entity::update_many()
            .col_expr(Column::Revision, more(Column::Revision, 1))
            .col_expr(Column::Paused, Expr::value(i32::from(paused)))
            .col_expr(Column::DueAt, Expr::value(due_at))
            .col_expr(Column::NextAt, Expr::value(next_at))
            .filter(Column::Id.eq(&row.id))
            .filter(Column::Revision.eq(row.revision))
            .exec(self.writer())
            .await
            .map_err(Error::because("pause a schedule"))?;
        Ok(updated.rows_affected == 1)
    }

    /// Reads a schedule by `namespace/name`.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn schedule_get(&self, id: &str) -> Result<Option<ScheduleRow>, Error> {
        let because = Error::because("read a schedule");
        let row = Entity::find_by_id(id).one(self.reader()).await.map_err(because)?;
        row.map(ScheduleRow::try_from).transpose()
    }

    /// Lists schedules by id.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn schedules_list(
        &self,
        namespace: Option<&str>,
        page: Page,
    ) -> Result<Paged<ScheduleRow>, Error> {
        let mut query = Entity::find();
        if let Some(namespace) = namespace {
            query = query.filter(crate::runs_list::begins(Column::Id, &format!("{namespace}/")));
        }
        if let Some(cursor) = &page.cursor {
            query = query.filter(Column::Id.gt(cursor.as_str()));
        }
        let rows = query
            .order_by_asc(Column::Id)
            .limit(page.fetch()?)
            .all(self.reader())
            .await
            .map_err(Error::because("list schedules"))?;
        let items = rows.into_iter().map(ScheduleRow::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(page.cut(items, |row| row.id.clone()))
    }
}

fn more(column: Column, by: i64) -> SimpleExpr {
    Expr::col(column).add(by)
}
