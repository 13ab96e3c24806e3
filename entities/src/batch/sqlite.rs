//! The hot part of a batch on SQLite.

use sea_orm::DatabaseTransaction;
use serde_json::Value as Json;

use super::{Refusal, affected, all, starts};
use crate::sql::{self, Rows};
use crate::{Batch, Error, NewRun, RunWrite, Store};

const POSITIONS: &str = "UPDATE partitions SET position = new.value ->> 2 \
    FROM json_each(?1) AS new \
    WHERE partitions.id = new.value ->> 0 AND partitions.owner_epoch = new.value ->> 1";

const RUNS: &str = "UPDATE runs SET \
        version = new.value ->> 2, status = new.value ->> 3, wake_at = new.value ->> 4, \
        updated_at = new.value ->> 5, ended_at = new.value ->> 6, \
        state = substr(?2, new.value ->> 7, new.value ->> 8) \
    FROM json_each(?1) AS new \
    WHERE runs.id = new.value ->> 0 AND runs.version = new.value ->> 1";

// `WHERE true`: SQLite cannot tell `ON CONFLICT` from a join's `ON` otherwise.
const STARTS: &str = "INSERT INTO runs (id, definition, namespace, partition, version, status,
        wake_at, created_at, updated_at, ended_at, request_digest, trace_parent, state)
    SELECT value ->> 0, value ->> 1, substr(value ->> 1, 1, instr(value ->> 1, '/') - 1),
        value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, value ->> 9, value ->> 10, substr(?2, value ->> 11, value ->> 12)
    FROM json_each(?1) WHERE true
    ON CONFLICT DO NOTHING";

const HISTORY: &str = "INSERT INTO history (run_id, seq, at, steps) \
    SELECT new.value ->> 0, new.value ->> 1, new.value ->> 2, \
        substr(?2, new.value ->> 3, new.value ->> 4) \
    FROM json_each(?1) AS new";

pub(super) async fn write(
    store: &Store,
    transaction: &DatabaseTransaction,
    batch: &Batch,
) -> Result<Option<Refusal>, Error> {
    if !batch.positions.is_empty() {
        let rows = batch.positions.iter().map(|(partition, epoch, position)| {
            Json::from(vec![Json::from(*partition), Json::from(*epoch), Json::from(*position)])
        });
        let statement = store.statement(POSITIONS, [sql::json(rows)]);
        if !all(affected(transaction, statement).await?, batch.positions.len()) {
            return Ok(Some(Refusal::Fenced));
        }
    }
    if batch.runs.is_empty() {
        return Ok(None);
    }
    let (starts, changed) = starts::split(batch);
    let new = starts.len();
    if new > 0 && !all(affected(transaction, store.statement(STARTS, begun(starts))).await?, new) {
        return Ok(Some(Refusal::Conflict));
    }
    let old = changed.len();
    if old > 0 && !all(affected(transaction, store.statement(RUNS, runs(changed))).await?, old) {
        return Ok(Some(Refusal::Conflict));
    }
    affected(transaction, store.statement(HISTORY, history(batch))).await?;
    Ok(None)
}

fn begun(starts: Vec<(&NewRun, &RunWrite)>) -> [sea_orm::Value; 2] {
    let mut rows = Rows::default();
    for (run, write) in starts {
        rows.push(
            [
                run.id.as_str().into(),
                run.definition.as_str().into(),
                run.partition.into(),
                write.version.into(),
                write.status.as_str().into(),
                write.wake_at.into(),
                run.created_at.into(),
                write.updated_at.into(),
                write.ended_at.into(),
                run.request_digest.as_str().into(),
                run.trace_parent.as_deref().into(),
            ],
            &write.state,
        );
    }
    rows.into_values()
}

fn runs(changed: Vec<&RunWrite>) -> [sea_orm::Value; 2] {
    let mut rows = Rows::default();
    for run in changed {
        rows.push(
            [
                run.id.as_str().into(),
                run.version_before.into(),
                run.version.into(),
                run.status.as_str().into(),
                run.wake_at.into(),
                run.updated_at.into(),
                run.ended_at.into(),
            ],
            &run.state,
        );
    }
    rows.into_values()
}

fn history(batch: &Batch) -> [sea_orm::Value; 2] {
    let mut rows = Rows::default();
    for run in &batch.runs {
        let history = &run.history;
        rows.push([run.id.as_str().into(), history.seq.into(), history.at.into()], &history.steps);
    }
    rows.into_values()
}
