//! The hot part of a batch on SQLite.

use sea_orm::DatabaseTransaction;
use serde_json::Value as Json;

use super::{Refusal, affected, all};
use crate::sql::{self, Rows};
use crate::{Batch, Error, Store};

const POSITIONS: &str = "UPDATE partitions SET position = new.value ->> 2 \
    FROM json_each(?1) AS new \
    WHERE partitions.id = new.value ->> 0 AND partitions.owner_epoch = new.value ->> 1";

const RUNS: &str = "UPDATE runs SET \
        version = new.value ->> 2, status = new.value ->> 3, wake_at = new.value ->> 4, \
        updated_at = new.value ->> 5, ended_at = new.value ->> 6, \
        state = substr(?2, new.value ->> 7, new.value ->> 8) \
    FROM json_each(?1) AS new \
    WHERE runs.id = new.value ->> 0 AND runs.version = new.value ->> 1";

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
    if !all(affected(transaction, store.statement(RUNS, runs(batch))).await?, batch.runs.len()) {
        return Ok(Some(Refusal::Conflict));
    }
    affected(transaction, store.statement(HISTORY, history(batch))).await?;
    Ok(None)
}

fn runs(batch: &Batch) -> [sea_orm::Value; 2] {
    let mut rows = Rows::default();
    for run in &batch.runs {
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
