//! Granting permits. They are wanted and given back with the batch of their run.

use sea_orm::{ConnectionTrait, FromQueryResult, TransactionTrait};

use crate::row::{PermitRound, run_id};
use crate::{Backend, Error, Store};

/// Key of the advisory lock that has one process grant at a time: "permits" in ASCII.
const LOCK: i64 = 0x0070_6572_6d69_7473;

/// By key, whoever waits with the highest priority, then longest, as far as the bound goes.
const GRANT: &str = "UPDATE permits SET granted_at = $1 WHERE id IN (
    SELECT waiting.id FROM (
        SELECT id, key, bound, ROW_NUMBER() OVER
            (PARTITION BY key ORDER BY priority DESC, at, id) AS place
        FROM permits WHERE granted_at IS NULL) AS waiting
    LEFT JOIN (
        SELECT key, COUNT(*) AS count FROM permits WHERE granted_at IS NOT NULL GROUP BY key
    ) AS granted ON granted.key = waiting.key
    WHERE waiting.place + COALESCE(granted.count, 0) <= waiting.bound)";

/// Granted now, or since before `$2` and not taken; or by someone whose clock was ahead.
const TOLD: &str = "SELECT run_id, task, at FROM permits
    WHERE taken = 0 AND granted_at IS NOT NULL AND (granted_at >= $1 OR granted_at < $2)
    ORDER BY granted_at LIMIT 10000";

const ANY: &str = "SELECT id AS run_id, task, at FROM permits LIMIT 1";

#[derive(FromQueryResult)]
struct Found {
    run_id: String,
    task: i64,
    at: i64,
}

impl Store {
    /// Grants what may be granted at `now`, and gives all who are to be told: those, and whoever was
    /// granted before `retell` and has not taken it. Two that grant at once do so one after the other.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn permits_round(&self, now: i64, retell: i64) -> Result<PermitRound, Error> {
        let because = Error::because("grant permits");
        let any = Found::find_by_statement(self.statement(ANY, []));
        if any.one(self.reader()).await.map_err(&because)?.is_none() {
            return Ok(PermitRound::default());
        }
        let sql = |text: &str| match self.backend() {
            Backend::Postgres => text.to_owned(),
            Backend::Sqlite => text.replace('$', "?"),
        };
        let transaction = self.writer().begin().await.map_err(&because)?;
        if self.backend() == Backend::Postgres {
            let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
            transaction.execute_unprepared(&lock).await.map_err(&because)?;
        }
        let grant = self.statement(&sql(GRANT), [now.into()]);
        transaction.execute_raw(grant).await.map_err(&because)?;
        let told = self.statement(&sql(TOLD), [now.into(), retell.into()]);
        let told = Found::find_by_statement(told).all(&transaction).await.map_err(&because)?;
        transaction.commit().await.map_err(&because)?;
        let number =
            |task: i64| u64::try_from(task).map_err(|problem| Error::corrupt("a permit", problem));
        let told =
            told.into_iter().map(|row| Ok((run_id(&row.run_id)?, number(row.task)?, row.at)));
        Ok(PermitRound { told: told.collect::<Result<_, Error>>()?, any: true })
    }
}
