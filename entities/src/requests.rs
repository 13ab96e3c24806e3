//! What was asked of runs. It lies here before anyone is answered, and until it is known to be done:
//! the message that tells the run may be lost on its way.

use kintsugi_core::RunId;
use sea_orm::{ConnectionTrait, FromQueryResult, TransactionTrait};

use crate::row::{RequestRow, run_id};
use crate::{Backend, Error, Store, sql};

#[derive(FromQueryResult)]
struct Found {
    id: String,
    run_id: String,
    about: Option<String>,
    at: i64,
    input: Vec<u8>,
    open: i32,
}

impl Store {
    /// Keeps a request, in place of the one that is named `instead_of`, if any. Gives the input of
    /// the one that is there already under its id, which then stays.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn request_put(
        &self,
        row: &RequestRow,
        instead_of: Option<&str>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let because = Error::because("keep a request");
        let (delete, insert, select) = match self.backend() {
            Backend::Postgres => (
                "DELETE FROM requests WHERE id = $1",
                "INSERT INTO requests (id, run_id, letter, at, input) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT DO NOTHING",
                "SELECT input FROM requests WHERE id = $1",
            ),
            Backend::Sqlite => (
                "DELETE FROM requests WHERE id = ?1",
                "INSERT INTO requests (id, run_id, letter, at, input) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT DO NOTHING",
                "SELECT input FROM requests WHERE id = ?1",
            ),
        };
        let transaction = self.writer().begin().await.map_err(&because)?;
        if let Some(other) = instead_of {
            let delete = self.statement(delete, [other.into()]);
            transaction.execute_raw(delete).await.map_err(&because)?;
        }
        let values = [
            row.id.as_str().into(),
            row.run.as_str().into(),
            row.about.clone().into(),
            row.at.into(),
            row.input.clone().into(),
        ];
        let insert = self.statement(insert, values);
        let new = transaction.execute_raw(insert).await.map_err(&because)?.rows_affected() > 0;
        let mut known = None;
        if !new {
            let select = self.statement(select, [row.id.as_str().into()]);
            let found = transaction.query_one_raw(select).await.map_err(&because)?;
            known = found.map(|row| row.try_get("", "input").map_err(&because)).transpose()?;
        }
        transaction.commit().await.map_err(&because)?;
        Ok(known)
    }

    /// Of the requests with these ids those that are not done. The others are forgotten: a run that
    /// has ended needs no cancelling; a human task that is not open was answered or is not wanted any
    /// more; a dead letter that is not open was redriven, and one whose run went on without it, or that
    /// nobody took up since before `expired`, cannot be.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn requests_settle(
        &self,
        ids: &[String],
        expired: i64,
    ) -> Result<Vec<RequestRow>, Error> {
        let because = Error::because("look after requests");
        let texts = |ids: &[String]| {
            let ids = ids.iter().map(String::as_str);
            match self.backend() {
                Backend::Postgres => sql::texts(ids),
                Backend::Sqlite => sql::json(ids),
            }
        };
        let of = match self.backend() {
            Backend::Postgres => "= ANY($1)",
            Backend::Sqlite => "IN (SELECT value FROM json_each(?1))",
        };
        let select = format!(
            "SELECT asked.id, asked.run_id, asked.letter AS about, asked.at, asked.input, CASE
                WHEN asked.letter IS NULL AND runs.ended_at IS NULL AND runs.id IS NOT NULL THEN 1
                WHEN human_tasks.status = 'open' THEN 1
                WHEN dead_letters.status = 'open' AND asked.at >= {expired}
                    AND runs.status NOT IN ('completed', 'cancelled') THEN 1
                ELSE 0 END AS open
            FROM requests AS asked LEFT JOIN runs ON runs.id = asked.run_id
            LEFT JOIN dead_letters ON dead_letters.id = asked.letter
            LEFT JOIN human_tasks ON human_tasks.id = asked.letter
            WHERE asked.id {of} ORDER BY asked.at"
        );
        let found = Found::find_by_statement(self.statement(&select, [texts(ids)]))
            .all(self.reader())
            .await
            .map_err(&because)?;
        let (open, done): (Vec<_>, Vec<_>) = found.into_iter().partition(|row| row.open == 1);
        if !done.is_empty() {
            let done: Vec<String> = done.into_iter().map(|row| row.id).collect();
            let delete = format!("DELETE FROM requests WHERE id {of}");
            let delete = self.statement(&delete, [texts(&done)]);
            self.writer().execute_raw(delete).await.map_err(&because)?;
        }
        open.into_iter().map(row).collect()
    }
}

fn row(found: Found) -> Result<RequestRow, Error> {
    let run: RunId = run_id(&found.run_id)?;
    let Found { id, about, at, input, .. } = found;
    Ok(RequestRow { id, run, about, at, input })
}
