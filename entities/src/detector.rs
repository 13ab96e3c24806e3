//! What the failure detector remembers: incarnations of streams, and the recovery log.

use std::collections::HashMap;

use kintsugi_core::RunId;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{FromQueryResult, QueryOrder, QuerySelect};

use crate::entity::{recovery, stream};
use crate::row::cursor;
use crate::row::run_id;
use crate::runs_list::before;
use crate::{Error, Page, Paged, RecoveryRow, Store};

impl Store {
    /// The streams that were seen, each with the time at which it was made.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn streams_known(&self) -> Result<Vec<(String, String)>, Error> {
        let rows = stream::Entity::find()
            .order_by_asc(stream::Column::Name)
            .all(self.reader())
            .await
            .map_err(Error::because("read the known streams"))?;
        Ok(rows.into_iter().map(|row| (row.name, row.created)).collect())
    }

    /// Notes that the stream `name` was made at `created`.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn stream_note(&self, name: &str, created: &str) -> Result<(), Error> {
        let row = stream::ActiveModel { name: Set(name.into()), created: Set(created.into()) };
        stream::Entity::insert(row)
            .on_conflict(
                OnConflict::column(stream::Column::Name)
                    .update_column(stream::Column::Created)
                    .to_owned(),
            )
            .exec_without_returning(self.writer())
            .await
            .map_err(Error::because("note a stream"))?;
        Ok(())
    }

    /// Writes entries of the recovery log. The same id again replaces when it was mended, what was
    /// decided, what came of it and how long it took.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn recovery_note(&self, rows: &[RecoveryRow]) -> Result<(), Error> {
        crate::batch::note(self.writer(), rows).await
    }

    /// How many entries of the recovery log are about each of `runs`, those of kind `except` apart;
    /// a run without any is left out.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn recoveries_count(
        &self,
        runs: &[RunId],
        except: &str,
    ) -> Result<HashMap<RunId, u64>, Error> {
        use recovery::Column;
        #[derive(FromQueryResult)]
        struct Counted {
            run_id: String,
            entries: i64,
        }
        if runs.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = recovery::Entity::find()
            .select_only()
            .column(Column::RunId)
            .column_as(Column::Id.count(), "entries")
            .filter(Column::RunId.is_in(runs.iter().map(RunId::as_str)))
            .filter(Column::Kind.ne(except))
            .group_by(Column::RunId)
            .into_model::<Counted>()
            .all(self.reader())
            .await
            .map_err(Error::because("count the recovery log"))?;
        let count =
            |row: Counted| Ok((run_id(&row.run_id)?, u64::try_from(row.entries).unwrap_or(0)));
        rows.into_iter().map(count).collect()
    }

    /// Lists the recovery log, the newest first; only what is about `run`, and only of `kind`.
    ///
    /// # Errors
    ///
    /// When the page makes no sense or the database does not answer.
    pub async fn recoveries_list(
        &self,
        page: Page,
        run: Option<&RunId>,
        kind: Option<&str>,
    ) -> Result<Paged<RecoveryRow>, Error> {
        use recovery::Column;
        let mut query = recovery::Entity::find();
        if let Some(run) = run {
            query = query.filter(Column::RunId.eq(run.as_str()));
        }
        if let Some(kind) = kind {
            query = query.filter(Column::Kind.eq(kind));
        }
        if let Some((at, id)) = page.after()? {
            query = query.filter(before(Column::At, Column::Id, at, id));
        }
        let rows = query
            .order_by_desc(Column::At)
            .order_by_desc(Column::Id)
            .limit(page.fetch()?)
            .all(self.reader())
            .await
            .map_err(Error::because("read the recovery log"))?;
        let items = rows.into_iter().map(RecoveryRow::try_from).collect::<Result<_, _>>()?;
        Ok(page.cut(items, |row| cursor(row.at, &row.id)))
    }
}
