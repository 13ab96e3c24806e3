//! The hot part of a batch on Postgres: one statement, one round trip.

use std::sync::LazyLock;

use sea_orm::{ConnectionTrait, Value};

use super::{ACTION, Refusal, starts};
use crate::{Batch, Error, NewRun, RunWrite, Store, sql};

const CHANGED: &str = "positions AS (
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
    )";

const BEGUN: &str = "begun AS (
        INSERT INTO runs (id, definition, namespace, partition, version, status, wake_at,
            created_at, updated_at, ended_at, request_digest, trace_parent, state)
        SELECT id, definition, split_part(definition, '/', 1), partition, version, status,
            NULLIF(wake_at, $4), created_at, updated_at, NULLIF(ended_at, $4), request_digest,
            NULLIF(trace_parent, ''), state
        FROM UNNEST($15::text[], $16::text[], $17::bigint[], $18::bigint[], $19::text[],
                $20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[], $24::text[],
                $25::text[], $26::bytea[])
            AS new (id, definition, partition, version, status, wake_at, created_at, updated_at,
                ended_at, request_digest, trace_parent, state)
        ON CONFLICT DO NOTHING
        RETURNING 1
    )";

const TOLD: &str = "SELECT * FROM UNNEST($5::text[], $7::bigint[], $13::bigint[], $14::bytea[])";

const TOLD_FIRST: &str =
    "SELECT * FROM UNNEST($15::text[], $18::bigint[], $27::bigint[], $28::bytea[])";

const JUDGED: &str = "
        WHEN (SELECT count(*) FROM positions) <> cardinality($1)
            THEN ('kintsugi: fenced' || (SELECT count(*) FROM positions))::int
        WHEN (SELECT count(*) FROM changed) <> cardinality($5)
            THEN ('kintsugi: conflict' || (SELECT count(*) FROM changed))::int";

const TAKEN: &str = "
        WHEN (SELECT count(*) FROM begun) <> cardinality($15)
            THEN ('kintsugi: conflict' || (SELECT count(*) FROM begun))::int";

/// Outside a transaction the statement commits by itself, so it must fail where it affects fewer
/// rows than it should. A cast that cannot succeed makes it fail, and says which part it was.
///
/// The partitions come first, and `CASE` keeps to the order: whoever lost a partition waits for
/// nobody's runs. The rows of `UNNEST` carry the condition too, so that a row that another
/// transaction holds is judged by what that one commits.
static BATCH: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH {CHANGED},
        told AS (INSERT INTO history (run_id, seq, at, steps) {TOLD})
        SELECT CASE {JUDGED} ELSE 0 END"
    )
});

/// The same with runs that are accepted in it, whose first version is written at once. One that is
/// there already is a conflict.
static WITH_STARTS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH {CHANGED}, {BEGUN},
        told AS (INSERT INTO history (run_id, seq, at, steps) {TOLD} UNION ALL {TOLD_FIRST})
        SELECT CASE {JUDGED} {TAKEN} ELSE 0 END"
    )
});

pub(super) async fn write(
    store: &Store,
    connection: &impl ConnectionTrait,
    batch: &Batch,
) -> Result<Option<Refusal>, Error> {
    if batch.positions.is_empty() && batch.runs.is_empty() {
        return Ok(None);
    }
    let (starts, changed) = starts::split(batch);
    let values = values(&batch.positions, changed);
    let statement = if starts.is_empty() {
        store.statement(&BATCH, values)
    } else {
        store.statement(&WITH_STARTS, values.into_iter().chain(begun(starts)))
    };
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

fn values(positions: &[(u16, i64, i64)], mut runs: Vec<&RunWrite>) -> [Value; 14] {
    // All writers lock rows in one order, so that two cannot wait for each other: a deadlock costs
    // both a second.
    runs.sort_unstable_by_key(|run| &run.id);
    let mut positions: Vec<_> = positions.iter().collect();
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

fn begun(mut starts: Vec<(&NewRun, &RunWrite)>) -> [Value; 14] {
    // In one order, too.
    starts.sort_unstable_by_key(|(run, _)| &run.id);
    let (runs, writes) = (|| starts.iter().map(|one| one.0), || starts.iter().map(|one| one.1));
    [
        sql::texts(runs().map(|run| run.id.as_str())),
        sql::texts(runs().map(|run| run.definition.as_str())),
        sql::numbers(runs().map(|run| i64::from(run.partition))),
        sql::numbers(writes().map(|write| write.version)),
        sql::texts(writes().map(|write| write.status.as_str())),
        sql::optional_numbers(writes().map(|write| write.wake_at)),
        sql::numbers(runs().map(|run| run.created_at)),
        sql::numbers(writes().map(|write| write.updated_at)),
        sql::optional_numbers(writes().map(|write| write.ended_at)),
        sql::texts(runs().map(|run| run.request_digest.as_str())),
        sql::optional_texts(runs().map(|run| run.trace_parent.as_deref())),
        sql::bytes(writes().map(|write| write.state.as_slice())),
        sql::numbers(writes().map(|write| write.history.at)),
        sql::bytes(writes().map(|write| write.history.steps.as_slice())),
    ]
}
