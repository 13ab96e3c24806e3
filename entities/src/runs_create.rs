//! Accepting runs.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, FromQueryResult, Statement, TransactionTrait, Value};

use crate::row::NewRun;
use crate::sql::{self, Rows};
use crate::{Backend, Created, Error, Store, payloads};

const ACTION: &str = "accept runs";

const POSTGRES: &str = "INSERT INTO runs (id, definition, namespace, partition, version, status,
        wake_at, created_at, updated_at, parent, start_key, request_digest, trace_parent, state)
    SELECT id, definition, split_part(definition, '/', 1), partition, 0, 'pending',
        created_at, created_at, created_at, NULLIF(parent, ''), NULLIF(start_key, ''),
        request_digest, NULLIF(trace_parent, ''), state
    FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
            $7::text[], $8::text[], $9::bytea[])
        AS new (id, definition, partition, created_at, parent, start_key, request_digest,
            trace_parent, state)
    ON CONFLICT DO NOTHING
    RETURNING id, namespace, start_key, request_digest";

// `WHERE true`: SQLite cannot tell `ON CONFLICT` from a join's `ON` otherwise.
const SQLITE: &str = "INSERT INTO runs (id, definition, namespace, partition, version, status,
        wake_at, created_at, updated_at, parent, start_key, request_digest, trace_parent, state)
    SELECT value ->> 0, value ->> 1, substr(value ->> 1, 1, instr(value ->> 1, '/') - 1),
        value ->> 2, 0, 'pending', value ->> 3, value ->> 3, value ->> 3, value ->> 4,
        value ->> 5, value ->> 6, value ->> 7, substr(?2, value ->> 8, value ->> 9)
    FROM json_each(?1) WHERE true
    ON CONFLICT DO NOTHING
    RETURNING id, namespace, start_key, request_digest";

/// What tells requests apart.
#[derive(Clone, Debug, FromQueryResult)]
struct Known {
    id: String,
    namespace: String,
    start_key: Option<String>,
    request_digest: String,
}

impl Store {
    /// Accepts runs, all in one statement, and says for each what became of it. One that exists
    /// already, by its id or its key, hinders no other.
    ///
    /// # Errors
    ///
    /// When the database does not answer or refuses; then none is accepted, or it is not known.
    pub async fn runs_create(&self, runs: &[NewRun]) -> Result<Vec<Created>, Error> {
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        check(runs)?;
        let mut inserted = HashMap::new();
        for row in self.accept(runs).await? {
            inserted.insert(row.id.clone(), row);
        }
        let mut created = Vec::with_capacity(runs.len());
        for run in runs {
            // Of two alike in one call, the first is the new one.
            let is_it = inserted.get(run.id.as_str()).is_some_and(|row| {
                row.start_key == run.start_key && row.request_digest == run.request_digest
            });
            let new = is_it && inserted.remove(run.id.as_str()).is_some();
            created.push(new.then_some(Created::New));
        }
        self.explain(runs, created).await
    }

    /// Accepts runs within a transaction, and gives the ids of those that are new. One whose id is taken
    /// is left as it is.
    pub(crate) async fn insert_runs(
        &self,
        connection: &impl ConnectionTrait,
        runs: &[NewRun],
    ) -> Result<HashSet<String>, Error> {
        if runs.is_empty() {
            return Ok(HashSet::new());
        }
        check(runs)?;
        let because = Error::because(ACTION);
        let rows = connection.query_all_raw(self.accepting(runs)).await.map_err(&because)?;
        payloads::own(connection, runs.iter().map(told)).await?;
        rows.iter().map(|row| row.try_get("", "id").map_err(&because)).collect()
    }

    async fn accept(&self, runs: &[NewRun]) -> Result<Vec<Known>, Error> {
        if !payloads::may_refer(runs.iter().map(|run| run.state.as_slice())) {
            return self.known(self.writer(), self.accepting(runs)).await;
        }
        let transaction = self.writer().begin().await.map_err(Error::because(ACTION))?;
        let new = self.known(&transaction, self.accepting(runs)).await?;
        payloads::own(&transaction, runs.iter().map(told)).await?;
        transaction.commit().await.map_err(Error::because(ACTION))?;
        Ok(new)
    }

    fn accepting(&self, runs: &[NewRun]) -> Statement {
        match self.backend() {
            Backend::Postgres => self.statement(POSTGRES, postgres(runs)),
            Backend::Sqlite => self.statement(SQLITE, sqlite(runs)),
        }
    }

    /// Fills in what hindered those that are not new.
    async fn explain(
        &self,
        runs: &[NewRun],
        created: Vec<Option<Created>>,
    ) -> Result<Vec<Created>, Error> {
        if created.iter().all(Option::is_some) {
            return Ok(created.into_iter().flatten().collect());
        }
        let missing: Vec<&NewRun> =
            runs.iter().zip(&created).filter(|(_, it)| it.is_none()).map(|(run, _)| run).collect();
        let known = self.known(self.writer(), self.hindering(&missing)).await?;
        let by_id: HashMap<_, _> = known.iter().map(|row| (row.id.as_str(), row)).collect();
        let by_key: HashMap<_, _> = known
            .iter()
            .filter_map(|row| Some(((row.namespace.as_str(), row.start_key.as_deref()?), row)))
            .collect();
        let explain = |run: &NewRun| {
            // The id decides where both are taken: it is what the caller will ask for.
            let row = by_id
                .get(run.id.as_str())
                .or_else(|| by_key.get(&(namespace(&run.definition), run.start_key.as_deref()?)));
            let row = row.ok_or_else(|| {
                Error::invalid(format!("run {} was deleted while it was accepted again", run.id))
            })?;
            let same = row.request_digest == run.request_digest;
            Ok(Created::Exists { id: crate::row::run_id(&row.id)?, same })
        };
        runs.iter().zip(created).map(|(run, it)| it.map_or_else(|| explain(run), Ok)).collect()
    }

    async fn known(
        &self,
        connection: &impl ConnectionTrait,
        statement: Statement,
    ) -> Result<Vec<Known>, Error> {
        let because = Error::because(ACTION);
        let rows = connection.query_all_raw(statement).await.map_err(&because)?;
        rows.iter().map(|row| Known::from_query_result(row, "").map_err(&because)).collect()
    }

    fn hindering(&self, runs: &[&NewRun]) -> Statement {
        let ids = runs.iter().map(|run| run.id.as_str());
        let keyed = || runs.iter().filter(|run| run.start_key.is_some());
        let namespaces = keyed().map(|run| namespace(&run.definition));
        let keys = keyed().filter_map(|run| run.start_key.as_deref());
        match self.backend() {
            Backend::Postgres => self.statement(
                "SELECT id, namespace, start_key, request_digest FROM runs WHERE id = ANY($1)
                UNION ALL
                SELECT id, namespace, start_key, request_digest FROM runs
                WHERE start_key IS NOT NULL
                    AND (namespace, start_key) IN (SELECT * FROM UNNEST($2::text[], $3::text[]))",
                [sql::texts(ids), sql::texts(namespaces), sql::texts(keys)],
            ),
            Backend::Sqlite => self.statement(
                "SELECT id, namespace, start_key, request_digest FROM runs
                WHERE id IN (SELECT value FROM json_each(?1))
                UNION ALL
                SELECT id, namespace, start_key, request_digest FROM runs
                WHERE start_key IS NOT NULL AND (namespace, start_key) IN
                    (SELECT value ->> 0, value ->> 1 FROM json_each(?2))",
                [
                    sql::json(ids),
                    sql::json(
                        namespaces
                            .zip(keys)
                            .map(|(namespace, key)| serde_json::Value::from(vec![namespace, key])),
                    ),
                ],
            ),
        }
    }
}

fn told(run: &NewRun) -> payloads::Told<'_> {
    payloads::Told { run: run.id.as_str(), json: &run.state, at: run.created_at }
}

fn namespace(definition: &str) -> &str {
    definition.split_once('/').map_or("", |(namespace, _)| namespace)
}

pub(crate) fn check(runs: &[NewRun]) -> Result<(), Error> {
    for run in runs {
        let texts = [
            Some(&run.definition),
            Some(&run.request_digest),
            run.start_key.as_ref(),
            run.trace_parent.as_ref(),
        ];
        if texts.into_iter().flatten().any(|text| text.is_empty() || text.contains('\0')) {
            return Err(Error::invalid(format!(
                "run {} has a definition, digest, key or traceparent that is empty or contains U+0000",
                run.id
            )));
        }
        if namespace(&run.definition).is_empty() {
            return Err(Error::invalid(format!(
                "run {} has the definition `{}`, which is not `namespace/name:version`",
                run.id, run.definition
            )));
        }
    }
    Ok(())
}

fn postgres(runs: &[NewRun]) -> Vec<Value> {
    // In one order, so that two who accept the same runs cannot wait for each other. Of two alike
    // the first stays first.
    let mut ordered: Vec<&NewRun> = runs.iter().collect();
    ordered.sort_by_key(|run| &run.id);
    let runs = ordered;
    vec![
        sql::texts(runs.iter().map(|run| run.id.as_str())),
        sql::texts(runs.iter().map(|run| run.definition.as_str())),
        sql::numbers(runs.iter().map(|run| i64::from(run.partition))),
        sql::numbers(runs.iter().map(|run| run.created_at)),
        sql::optional_texts(runs.iter().map(|run| run.parent.as_ref().map(|id| id.as_str()))),
        sql::optional_texts(runs.iter().map(|run| run.start_key.as_deref())),
        sql::texts(runs.iter().map(|run| run.request_digest.as_str())),
        sql::optional_texts(runs.iter().map(|run| run.trace_parent.as_deref())),
        sql::bytes(runs.iter().map(|run| run.state.as_slice())),
    ]
}

fn sqlite(runs: &[NewRun]) -> Vec<Value> {
    let mut rows = Rows::default();
    for run in runs {
        rows.push(
            [
                run.id.as_str().into(),
                run.definition.as_str().into(),
                run.partition.into(),
                run.created_at.into(),
                run.parent.as_ref().map(|id| id.as_str()).into(),
                run.start_key.as_deref().into(),
                run.request_digest.as_str().into(),
                run.trace_parent.as_deref().into(),
            ],
            &run.state,
        );
    }
    rows.into_values().into()
}
