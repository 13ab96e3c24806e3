//! The hot part of a batch on Postgres: one statement, one round trip.

use sea_orm::{ConnectionTrait, Value};

use super::{ACTION, Refusal};
use crate::{Batch, Error, RunWrite, Store, sql};

/// Outside a transaction the statement commits by itself, so it must fail where it affects fewer
/// rows than it should. A cast that cannot succeed makes it fail, and says which part it was.
///
/// The partitions come first, and `CASE` keeps to the order: whoever lost a partition waits for
/// nobody's runs. The rows of `UNNEST` carry the condition too, so that a row that another
/// transaction holds is judged by what that one commits.
const BATCH: &str = "WITH
    positions AS (
        UPDATE partitions SET position = new.position
        FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) AS new (id, epoch, position)
        WHERE partitions.id = new.id AND partitions.owner_epoch = new.epoch
        RETURNING 1
    ),
    changed AS (
        UPDATE runs SET version = new.version, status = new.status,
            wake_at = NULLIF(new.wake_at, $4), updated_at = new.updated_at,
            ended_at = NULLIF(new.ended_at, $4), state = new.state
        FROM UNNEST($5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::bigint[],
                $10::bigint[], $11::bigint[], $12::bytea[])
            AS new (id, version_before, version, status, wake_at, updated_at, ended_at, state)
        WHERE runs.id = new.id AND runs.version = new.version_before
        RETURNING 1
    ),
    told AS (
        INSERT INTO history (run_id, seq, at, steps)
        SELECT * FROM UNNEST($5::text[], $7::bigint[], $13::bigint[], $14::bytea[])
    )
    SELECT CASE
        WHEN (SELECT count(*) FROM positions) <> cardinality($1)
            THEN ('kintsugi: fenced' || (SELECT count(*) FROM positions))::int
        WHEN (SELECT count(*) FROM changed) <> cardinality($5)
            THEN ('kintsugi: conflict' || (SELECT count(*) FROM changed))::int
        ELSE 0 END";

pub(super) async fn write(
    store: &Store,
    connection: &impl ConnectionTrait,
    batch: &Batch,
) -> Result<Option<Refusal>, Error> {
    if batch.positions.is_empty() && batch.runs.is_empty() {
        return Ok(None);
    }
    let statement = store.statement(BATCH, values(batch));
    let Err(problem) = connection.query_one_raw(statement).await else { return Ok(None) };
    let message = crate::row::message(&problem).unwrap_or_default();
    if message.contains("kintsugi: fenced") {
        return Ok(Some(Refusal::Fenced));
    }
    if message.contains("kintsugi: conflict") {
        return Ok(Some(Refusal::Conflict));
    }
    match Error::because(ACTION)(problem) {
        Error::Conflict { .. } => Ok(Some(Refusal::Conflict)),
        other => Err(other),
    }
}

fn values(batch: &Batch) -> [Value; 14] {
    // All writers lock rows in one order, so that two cannot wait for each other: a deadlock costs
    // both a second.
    let mut runs: Vec<&RunWrite> = batch.runs.iter().collect();
    runs.sort_unstable_by_key(|run| &run.id);
    let mut positions: Vec<_> = batch.positions.iter().collect();
    positions.sort_unstable();
    [
        sql::numbers(positions.iter().map(|(partition, ..)| i64::from(*partition))),
        sql::numbers(positions.iter().map(|(_, epoch, _)| *epoch)),
        sql::numbers(positions.iter().map(|(.., position)| *position)),
        Value::BigInt(Some(sql::NO_NUMBER)),
        sql::texts(runs.iter().map(|run| run.id.as_str())),
        sql::numbers(runs.iter().map(|run| run.version_before)),
        sql::numbers(runs.iter().map(|run| run.version)),
        sql::texts(runs.iter().map(|run| run.status.as_str())),
        sql::optional_numbers(runs.iter().map(|run| run.wake_at)),
        sql::numbers(runs.iter().map(|run| run.updated_at)),
        sql::optional_numbers(runs.iter().map(|run| run.ended_at)),
        sql::bytes(runs.iter().map(|run| run.state.as_slice())),
        sql::numbers(runs.iter().map(|run| run.history.at)),
        sql::bytes(runs.iter().map(|run| run.history.steps.as_slice())),
    ]
}
