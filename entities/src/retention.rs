//! What may go.
//!
//! Whatever the number of runs, Postgres gets one statement, which commits by itself, and SQLite one
//! transaction of statements that have the ids as one parameter.

use sea_orm::{ConnectionTrait, TransactionTrait};

use crate::{Backend, Error, Store, sql};

const ACTION: &str = "delete old runs";

/// Tables with what belongs to a run and is of no use without it, but for the recovery log, whose
/// entries stay counted.
const BELONGINGS: [&str; 7] = [
    "history",
    "dead_letters",
    "notifications",
    "inbox",
    "listeners",
    "human_tasks",
    "payload_owners",
];

/// Runs that may go, the oldest end first; `$1` is when they ended at the latest. They are counted for
/// each run, and the limit stands in the text, or a planner that knows neither joins all old runs with all
/// letters each time.
fn old(limit: u32) -> String {
    format!(
        "SELECT id FROM runs WHERE ended_at < $1
            AND (SELECT count(*) FILTER (WHERE dead_letters.status = 'open'
                    OR dead_letters.published_at IS NULL
                    OR dead_letters.discard IN (SELECT id FROM discards WHERE at >= $1))
                FROM dead_letters WHERE dead_letters.run_id = runs.id) = 0
            AND (SELECT count(*) FILTER (WHERE notifications.status = 'pending')
                FROM notifications WHERE notifications.run_id = runs.id) = 0
        ORDER BY ended_at LIMIT {limit}"
    )
}

const REMEMBERED: &str =
    "ON CONFLICT (kind) DO UPDATE SET count = recoveries_gone.count + excluded.count";

impl Store {
    /// Deletes runs that ended before `before`, `limit` at most, with all that belongs to them, and says
    /// how many. Runs with an open dead letter stay, since someone may redrive them, and so do those with
    /// one that was discarded since `before`; dead letters that the stream does not hold yet, and
    /// notifications to be delivered. So does a run that is taken up again meanwhile.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn runs_delete_ended_before(&self, before: i64, limit: u32) -> Result<u64, Error> {
        match self.backend() {
            Backend::Postgres => self.delete_at_once(before, limit).await,
            Backend::Sqlite => self.delete_in_turn(before, limit).await,
        }
    }

    async fn delete_at_once(&self, before: i64, limit: u32) -> Result<u64, Error> {
        let because = Error::because(ACTION);
        let statement = self.statement(&postgres(limit), [before.into()]);
        let row = self.writer().query_one_raw(statement).await.map_err(&because)?;
        let row = row.ok_or_else(|| Error::corrupt("the deleted runs", "no count"))?;
        let gone: i64 = row.try_get("", "gone").map_err(&because)?;
        Ok(u64::try_from(gone).unwrap_or(0))
    }

    async fn delete_in_turn(&self, before: i64, limit: u32) -> Result<u64, Error> {
        let because = Error::because(ACTION);
        let transaction = self.writer().begin().await.map_err(&because)?;
        let text = format!("DELETE FROM runs WHERE id IN ({}) RETURNING id", old(limit));
        let statement = self.statement(&text.replace('$', "?"), [before.into()]);
        let rows = transaction.query_all_raw(statement).await.map_err(&because)?;
        let ids = rows.iter().map(|row| row.try_get("", "id").map_err(&because));
        let ids = ids.collect::<Result<Vec<String>, _>>()?;
        let gone = ids.len() as u64;
        if gone > 0 {
            let ids = sql::json(ids);
            let these = "(SELECT value FROM json_each(?1))";
            let remember = format!(
                "INSERT INTO recoveries_gone (kind, count) SELECT kind, count(*) FROM recoveries
                WHERE run_id IN {these} GROUP BY kind {REMEMBERED}"
            );
            let tables = BELONGINGS.iter().chain(&["recoveries"]);
            let delete = |table| format!("DELETE FROM {table} WHERE run_id IN {these}");
            for text in std::iter::once(remember).chain(tables.map(delete)) {
                let statement = self.statement(&text, [ids.clone()]);
                transaction.execute_raw(statement).await.map_err(&because)?;
            }
        }
        transaction.commit().await.map_err(&because)?;
        Ok(gone)
    }
}

/// A run that another transaction changed meanwhile is looked at again before it goes, and what belongs
/// to it goes only if it does. `COALESCE` keeps the planner from looking for it among all that ended.
fn postgres(limit: u32) -> String {
    let these = "= ANY(ARRAY(SELECT id FROM gone))";
    let delete = |table| format!("{table}_gone AS (DELETE FROM {table} WHERE run_id {these})");
    let belongings = BELONGINGS.map(delete).join(",\n        ");
    format!(
        "WITH gone AS (
            DELETE FROM runs WHERE id = ANY(ARRAY({})) AND COALESCE(ended_at, $1) < $1
            RETURNING id),
        {belongings},
        mended AS (DELETE FROM recoveries WHERE run_id {these} RETURNING kind),
        remembered AS (
            INSERT INTO recoveries_gone (kind, count)
            SELECT kind, count(*) FROM mended GROUP BY kind {REMEMBERED})
        SELECT count(*) AS gone FROM gone",
        old(limit)
    )
}
