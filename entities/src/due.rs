//! Whose time has come: what the retry engine asks for ever, and mostly in vain.

use kintsugi_core::RunId;
use sea_orm::FromQueryResult;

use crate::{Backend, Error, Store};

/// What a look at everything that waits finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The runs that must be told the time, longest due first, and since when, in milliseconds of the epoch.
    pub runs: Vec<(RunId, i64)>,
    /// When the next one is due, in milliseconds of the epoch. None: none waits for a time.
    pub next: Option<i64>,
    /// Something lies in an inbox, in the outbox or among the requests that should have gone on by
    /// now, or a dead letter that is not published: [`Store::mail_overdue`] and
    /// [`Store::dead_letters_unpublished`] say what.
    pub overdue: bool,
    /// When the next step of a redrive of many letters is due. None: there is none.
    pub redrive: Option<i64>,
}

impl Store {
    /// Looks at everything that waits for a time or should not wait at all: at most `limit` runs that
    /// are due at `now`, and whether anything lies since before `overdue`. One statement, and each of
    /// its parts reads an index: an idle engine asks nothing else for its runs.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn due(&self, now: i64, overdue: i64, limit: u32) -> Result<Due, Error> {
        #[derive(FromQueryResult)]
        struct Found {
            kind: String,
            id: String,
            at: i64,
        }
        let sql = "SELECT 'run' AS kind, id, wake_at AS at FROM (
                SELECT id, wake_at FROM runs WHERE wake_at <= $1 ORDER BY wake_at LIMIT $2) AS due
            UNION ALL
            SELECT 'next' AS kind, '' AS id, wake_at AS at FROM (
                SELECT wake_at FROM runs WHERE wake_at > $1 ORDER BY wake_at LIMIT 1) AS coming
            UNION ALL
            SELECT 'redrive' AS kind, '' AS id, next_at AS at FROM (
                SELECT next_at FROM redrives WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1) AS job
            UNION ALL
            SELECT 'overdue' AS kind, '' AS id, 0 AS at
                WHERE EXISTS (SELECT 1 FROM inbox WHERE parked = 0 AND at < $3)
                OR EXISTS (SELECT 1 FROM outbox WHERE at < $3)
                OR EXISTS (SELECT 1 FROM requests WHERE at < $3)
                OR EXISTS (SELECT 1 FROM dead_letters WHERE published_at IS NULL)";
        let sql = match self.backend() {
            Backend::Postgres => sql.to_owned(),
            Backend::Sqlite => sql.replace('$', "?"),
        };
        let values = [now.into(), i64::from(limit).into(), overdue.into()];
        let rows = Found::find_by_statement(self.statement(&sql, values))
            .all(self.reader())
            .await
            .map_err(Error::because("find what is due"))?;
        let mut due = Due::default();
        for Found { kind, id, at } in rows {
            match kind.as_str() {
                "run" => due.runs.push((crate::row::run_id(&id)?, at)),
                "next" => due.next = Some(at),
                "redrive" => due.redrive = Some(at),
                _ => due.overdue = true,
            }
        }
        Ok(due)
    }
}
