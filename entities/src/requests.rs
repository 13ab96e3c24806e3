//! What was asked of runs. It lies here before anyone is answered, and until it is known to be done:
//! the message that tells the run may be lost on its way.

use kintsugi_core::RunId;
use sea_orm::entity::prelude::*;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, FromQueryResult, QuerySelect, TransactionTrait,
};

use crate::entity::{dead_letter, human_task};
use crate::redrives::lock;
use crate::row::{RequestRow, run_id};
use crate::{Backend, DeadLetterStatus, Error, HumanTaskStatus, Store, payloads, sql};

#[derive(FromQueryResult)]
struct Found {
    id: String,
    run_id: String,
    about: Option<String>,
    at: i64,
    input: Vec<u8>,
    open: i32,
}

/// What a request is about that steers a run by hand: the run itself tells when it has taken it.
pub const STEER: &str = "steer";

/// Whether what a request is about is not open any more. It cannot be settled until the transaction ends:
/// whoever asks may have looked long ago.
async fn is_over(transaction: &DatabaseTransaction, row: &RequestRow) -> Result<bool, Error> {
    let because = Error::because("keep a request");
    let Some(about) = &row.about else { return Ok(false) };
    if row.id.starts_with("redrive:") {
        lock(transaction, dead_letter::Column::Id.eq(about)).await?;
        let settled = dead_letter::Entity::find_by_id(about)
            .filter(dead_letter::Column::Status.ne(DeadLetterStatus::Open.as_str()));
        return Ok(settled.count(transaction).await.map_err(&because)? > 0);
    }
    if row.id.starts_with("answer:") {
        let task = human_task::Entity::find_by_id(about).lock_exclusive();
        let task = task.one(transaction).await.map_err(&because)?;
        return Ok(task.is_some_and(|task| task.status != HumanTaskStatus::Open.as_str()));
    }
    Ok(false)
}

impl Store {
    /// Keeps a request, in place of the one that is named `instead_of`, if any. Gives the input of
    /// the one that is there already under its id, which then stays; and an empty one for a dead letter or a
    /// person's task that is not open.
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
        if is_over(&transaction, row).await? {
            transaction.rollback().await.map_err(&because)?;
            return Ok(Some(Vec::new()));
        }
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
        let told = payloads::Told { run: row.run.as_str(), json: &row.input, at: row.at };
        payloads::own(&transaction, [told]).await?;
        let mut known = None;
        if !new {
            let select = self.statement(select, [row.id.as_str().into()]);
            let found = transaction.query_one_raw(select).await.map_err(&because)?;
            known = found.map(|row| row.try_get("", "input").map_err(&because)).transpose()?;
        }
        transaction.commit().await.map_err(&because)?;
        Ok(known)
    }

    /// What was asked of a run by hand and is not taken yet, in order.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn requests_steering(&self, run: &RunId) -> Result<Vec<RequestRow>, Error> {
        let place = if self.backend() == Backend::Postgres { "$1" } else { "?1" };
        let select = format!(
            "SELECT id, run_id, letter AS about, at, input, 1 AS open FROM requests
            WHERE run_id = {place} AND letter = '{STEER}' ORDER BY at, id"
        );
        let found = Found::find_by_statement(self.statement(&select, [run.as_str().into()]))
            .all(self.reader())
            .await
            .map_err(Error::because("look after requests"))?;
        found.into_iter().map(row).collect()
    }

    /// Forgets requests that runs have taken.
    pub(crate) async fn requests_forget(
        &self,
        connection: &impl ConnectionTrait,
        ids: &[String],
    ) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let delete = format!("DELETE FROM requests WHERE id {}", self.one_of());
        let delete = self.statement(&delete, [self.texts(ids)]);
        let done = connection.execute_raw(delete).await;
        done.map(|_| ()).map_err(Error::because("forget requests"))
    }

    fn one_of(&self) -> &'static str {
        match self.backend() {
            Backend::Postgres => "= ANY($1)",
            Backend::Sqlite => "IN (SELECT value FROM json_each(?1))",
        }
    }

    fn texts(&self, ids: &[String]) -> sea_orm::Value {
        let ids = ids.iter().map(String::as_str);
        match self.backend() {
            Backend::Postgres => sql::texts(ids),
            Backend::Sqlite => sql::json(ids),
        }
    }

    /// Of the requests with these ids those that are not done. The others are forgotten: a run that
    /// has ended needs no cancelling; a human task that is not open was answered or is not wanted any
    /// more; a dead letter that is not open was redriven, and one whose run went on without it, or that
    /// nobody took up since before `expired`, cannot be. What steers a run waits as long as there is the
    /// run, which forgets it; with one of a run come all of them, so that they are told in order.
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
        let of = self.one_of();
        let select = format!(
            "SELECT asked.id, asked.run_id, asked.letter AS about, asked.at, asked.input, CASE
                WHEN asked.letter = '{STEER}' AND runs.id IS NOT NULL THEN 1
                WHEN asked.letter IS NULL AND runs.ended_at IS NULL AND runs.id IS NOT NULL THEN 1
                WHEN human_tasks.status = 'open' THEN 1
                WHEN dead_letters.status = 'open' AND asked.at >= {expired}
                    AND runs.status NOT IN ('completed', 'cancelled') THEN 1
                ELSE 0 END AS open
            FROM requests AS asked LEFT JOIN runs ON runs.id = asked.run_id
            LEFT JOIN dead_letters ON dead_letters.id = asked.letter
            LEFT JOIN human_tasks ON human_tasks.id = asked.letter
            WHERE asked.id {of} OR asked.letter = '{STEER}' AND asked.run_id IN
                (SELECT run_id FROM requests WHERE letter = '{STEER}' AND id {of})
            ORDER BY asked.at, asked.id"
        );
        let found = Found::find_by_statement(self.statement(&select, [self.texts(ids)]))
            .all(self.reader())
            .await
            .map_err(&because)?;
        let (open, done): (Vec<_>, Vec<_>) = found.into_iter().partition(|row| row.open == 1);
        if !done.is_empty() {
            let done: Vec<String> = done.into_iter().map(|row| row.id).collect();
            self.requests_forget(self.writer(), &done).await?;
        }
        open.into_iter().map(row).collect()
    }
}

fn row(found: Found) -> Result<RequestRow, Error> {
    let run: RunId = run_id(&found.run_id)?;
    let Found { id, about, at, input, .. } = found;
    Ok(RequestRow { id, run, about, at, input })
}
