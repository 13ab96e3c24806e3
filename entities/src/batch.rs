//! The orchestrator's one transaction per batch.
//!
//! The hot part (positions, runs, history) costs the same number of statements whatever the batch:
//! on Postgres one, which commits by itself; on SQLite three. What is rare (dead letters, the
//! recovery log) follows in the same transaction, a statement for some hundred rows.

mod human;
mod mail;
mod permits;
mod postgres;
mod rare;
mod sqlite;
mod starts;

pub(crate) use rare::{ROWS_MAX, clean, note};

use kintsugi_core::RunId;
use sea_orm::{ConnectionTrait, DatabaseTransaction, FromQueryResult, TransactionTrait};

use crate::{Backend, Batch, Committed, Error, Store, sql};

const ACTION: &str = "commit a batch";

/// Why a batch must be rolled back.
enum Refusal {
    /// Not ours any more.
    Fenced,
    /// A run has another version.
    Conflict,
}

impl Store {
    /// Makes a batch true as a whole, or not at all.
    ///
    /// # Errors
    ///
    /// When the database does not answer or refuses. It is then unknown whether the batch happened:
    /// load the partitions and runs again before going on.
    pub async fn commit_batch(&self, batch: &Batch) -> Result<Committed, Error> {
        check(batch)?;
        let refusal = match (self.backend(), rare::any(batch)) {
            (Backend::Postgres, false) => postgres::write(self, self.writer(), batch).await?,
            (backend, _) => {
                let transaction = self.writer().begin().await.map_err(Error::because(ACTION))?;
                let refusal = self.write(backend, &transaction, batch).await;
                settle(transaction, refusal).await?
            }
        };
        match refusal {
            None => Ok(Committed::Done),
            Some(Refusal::Fenced) => Ok(Committed::Fenced),
            Some(Refusal::Conflict) => Ok(Committed::Conflict(self.outdated(batch).await?)),
        }
    }

    async fn write(
        &self,
        backend: Backend,
        transaction: &DatabaseTransaction,
        batch: &Batch,
    ) -> Result<Option<Refusal>, Error> {
        let refusal = match backend {
            Backend::Postgres => postgres::write(self, transaction, batch).await?,
            Backend::Sqlite => sqlite::write(self, transaction, batch).await?,
        };
        if refusal.is_none() {
            rare::write(self, transaction, batch).await?;
            mail::write(self, transaction, &batch.mail).await?;
        }
        Ok(refusal)
    }

    /// The runs that do not have the version that the batch rests on. Another writer may have gone
    /// on since, so that it may name a run too many, never one too few.
    async fn outdated(&self, batch: &Batch) -> Result<Vec<RunId>, Error> {
        #[derive(FromQueryResult)]
        struct Version {
            id: String,
            version: i64,
        }
        let ids = batch.runs.iter().map(|run| run.id.as_str());
        let statement = match self.backend() {
            Backend::Postgres => {
                self.statement("SELECT id, version FROM runs WHERE id = ANY($1)", [sql::texts(ids)])
            }
            Backend::Sqlite => self.statement(
                "SELECT id, version FROM runs WHERE id IN (SELECT value FROM json_each(?1))",
                [sql::json(ids)],
            ),
        };
        let stored = Version::find_by_statement(statement)
            .all(self.writer())
            .await
            .map_err(Error::because("find the runs that changed"))?
            .into_iter()
            .map(|row| (row.id, row.version))
            .collect::<std::collections::HashMap<_, _>>();
        let is_outdated =
            |run: &&crate::RunWrite| stored.get(run.id.as_str()) != Some(&run.version_before);
        Ok(batch.runs.iter().filter(is_outdated).map(|run| run.id.clone()).collect())
    }
}

/// What the statements cannot tell apart from a conflict, and would then be tried for ever.
fn check(batch: &Batch) -> Result<(), Error> {
    let mut ids = std::collections::HashSet::with_capacity(batch.runs.len());
    for run in &batch.runs {
        if !ids.insert(&run.id) {
            return Err(Error::invalid(format!("run {} stands twice in a batch", run.id)));
        }
        if run.version != run.version_before + 1 || run.history.seq != run.version {
            return Err(Error::invalid(format!(
                "run {} goes from version {} to {} with history {}",
                run.id, run.version_before, run.version, run.history.seq
            )));
        }
    }
    let mut partitions = std::collections::HashSet::with_capacity(batch.positions.len());
    if batch.positions.iter().any(|(partition, ..)| !partitions.insert(partition)) {
        return Err(Error::invalid("a partition stands twice in a batch"));
    }
    starts::check(batch)
}

async fn settle(
    transaction: DatabaseTransaction,
    refusal: Result<Option<Refusal>, Error>,
) -> Result<Option<Refusal>, Error> {
    let refusal = match refusal {
        Ok(None) => {
            transaction.commit().await.map_err(Error::because(ACTION))?;
            return Ok(None);
        }
        Ok(refusal) => refusal,
        // A history row that is there already: someone else wrote that version.
        Err(Error::Conflict { .. }) => Some(Refusal::Conflict),
        Err(error) => {
            // The connection may be gone, and the transaction with it.
            drop(transaction);
            return Err(error);
        }
    };
    transaction.rollback().await.map_err(Error::because(ACTION))?;
    Ok(refusal)
}

/// As the databases count: rows affected.
fn all(affected: u64, wanted: usize) -> bool {
    u64::try_from(wanted).is_ok_and(|wanted| affected == wanted)
}

async fn affected(
    connection: &impl ConnectionTrait,
    statement: sea_orm::Statement,
) -> Result<u64, Error> {
    let result = connection.execute_raw(statement).await.map_err(Error::because(ACTION))?;
    Ok(result.rows_affected())
}
