//! Reading runs.

use kintsugi_core::RunId;
use sea_orm::entity::prelude::*;
use sea_orm::{FromQueryResult, QueryOrder, QuerySelect};

use crate::entity::run::COLUMNS;
use crate::entity::{history, run};
use crate::{Backend, Error, HistoryRow, RunRow, Store, sql};

impl Store {
    /// Reads one run.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn run_get(&self, id: &RunId) -> Result<Option<RunRow>, Error> {
        let because = Error::because("read a run");
        let row = run::Entity::find_by_id(id.as_str()).one(self.reader()).await.map_err(because)?;
        row.map(RunRow::try_from).transpose()
    }

    /// Reads the runs that exist of `ids`, in one statement and in no order.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn runs_load(&self, ids: &[RunId]) -> Result<Vec<RunRow>, Error> {
        let ids = ids.iter().map(RunId::as_str);
        let statement = match self.backend() {
            Backend::Postgres => self.statement(
                &format!("SELECT {COLUMNS} FROM runs WHERE id = ANY($1)"),
                [sql::texts(ids)],
            ),
            Backend::Sqlite => self.statement(
                &format!(
                    "SELECT {COLUMNS} FROM runs WHERE id IN (SELECT value FROM json_each(?1))"
                ),
                [sql::json(ids)],
            ),
        };
        self.rows(statement, "load runs").await
    }

    /// Reads what happened in a run after `after_seq` (0: from the beginning), in order.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn history(
        &self,
        id: &RunId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<HistoryRow>, Error> {
        let rows = history::Entity::find()
            .filter(history::Column::RunId.eq(id.as_str()))
            .filter(history::Column::Seq.gt(after_seq))
            .order_by_asc(history::Column::Seq)
            .limit(u64::from(limit))
            .all(self.reader())
            .await
            .map_err(Error::because("read a run's history"))?;
        Ok(rows.into_iter().map(history_row).collect())
    }

    /// Reads what happened in a run before `before_seq`, the newest first.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn history_back(
        &self,
        id: &RunId,
        before_seq: i64,
        limit: u32,
    ) -> Result<Vec<HistoryRow>, Error> {
        let rows = history::Entity::find()
            .filter(history::Column::RunId.eq(id.as_str()))
            .filter(history::Column::Seq.lt(before_seq))
            .order_by_desc(history::Column::Seq)
            .limit(u64::from(limit))
            .all(self.reader())
            .await
            .map_err(Error::because("read a run's history"))?;
        Ok(rows.into_iter().map(history_row).collect())
    }

    /// Runs that have not ended, by id, after `after`.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn runs_open_page(
        &self,
        after: Option<&RunId>,
        limit: u32,
    ) -> Result<Vec<RunRow>, Error> {
        // The condition reads as in the index, or no planner sees that the index serves. SQLite,
        // without statistics, takes another one unless told.
        const OPEN: &str = "status IN ('pending', 'running', 'waiting', 'suspended') AND id > ";
        let sql = match self.backend() {
            Backend::Postgres => {
                format!("SELECT {COLUMNS} FROM runs WHERE {OPEN} $1 ORDER BY id LIMIT $2")
            }
            Backend::Sqlite => {
                format!(
                    "SELECT {COLUMNS} FROM runs INDEXED BY runs_open WHERE {OPEN} ?1 ORDER BY id LIMIT ?2"
                )
            }
        };
        let after = after.map_or("", RunId::as_str);
        self.rows(self.statement(&sql, [after.into(), i64::from(limit).into()]), "list open runs")
            .await
    }

    async fn rows(
        &self,
        statement: sea_orm::Statement,
        action: &'static str,
    ) -> Result<Vec<RunRow>, Error> {
        let rows = run::Model::find_by_statement(statement)
            .all(self.reader())
            .await
            .map_err(Error::because(action))?;
        rows.into_iter().map(RunRow::try_from).collect()
    }
}

fn history_row(row: history::Model) -> HistoryRow {
    HistoryRow { seq: row.seq, at: row.at, steps: row.steps }
}
