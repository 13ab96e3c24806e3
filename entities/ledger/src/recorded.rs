//! Runs with their histories and dead letters, all of one moment.

use std::collections::BTreeMap;

use kintsugi_core::{RunId, Status};
use kintsugi_rows::{Error, run_id, status};
use sea_orm::sea_query::ArrayType;
use sea_orm::{DatabaseConnection, FromQueryResult, Value};

use crate::{is_postgres, statement};

/// A run, its history and its dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its id.
    pub id: RunId,
    /// `namespace/name:version` of its definition.
    pub definition: String,
    /// How many batches have changed it.
    pub version: i64,
    /// Where it stands.
    pub status: Status,
    /// When it must be told the time.
    pub wake_at: Option<i64>,
    /// JSON of its state; nothing where there is no history.
    pub state: Vec<u8>,
    /// Positions and steps of its history, in order; none where the run is larger than was asked for.
    pub history: Option<Vec<(i64, Vec<u8>)>>,
    /// Its dead letters in the table.
    pub letters: Vec<String>,
}

/// Which runs are read with their histories: all three hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many batches have changed it, at most.
    pub versions: i64,
    /// Bytes of its state at most.
    pub state: i64,
    /// Bytes of its history at most.
    pub history: i64,
}

#[derive(FromQueryResult)]
struct Found {
    kind: String,
    run_id: String,
    seq: i64,
    what: String,
    status: String,
    wake_at: Option<i64>,
    bytes: Vec<u8>,
}

/// Reads the runs that exist of `ids`, in one statement; of those beyond `bounds` neither state nor
/// history.
///
/// # Errors
///
/// When the database does not answer.
pub async fn recorded(
    db: &DatabaseConnection,
    ids: &[RunId],
    bounds: Bounds,
) -> Result<Vec<Recorded>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (of, ids, none) = if is_postgres(db) {
        let ids = ids.iter().map(|id| Value::String(Some(id.to_string()))).collect();
        ("= ANY($1)", Value::Array(ArrayType::String, Some(Box::new(ids))), "CAST('' AS BYTEA)")
    } else {
        // An id has no character that JSON would escape.
        let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
        let ids = Value::String(Some(format!("[{}]", ids.join(","))));
        ("IN (SELECT value FROM json_each($1))", ids, "x''")
    };
    // Neither database reads what it only measures.
    let sql = format!(
        "WITH whole AS (SELECT id FROM runs WHERE id {of} AND version <= $2
            AND LENGTH(state) <= $3 AND COALESCE((SELECT SUM(LENGTH(steps)) FROM history
                WHERE run_id = runs.id), 0) <= $4)
        SELECT 'run' AS kind, id AS run_id, version AS seq, definition AS what, status, wake_at,
            {none} AS bytes FROM runs WHERE id {of}
        UNION ALL
        SELECT 'state' AS kind, id AS run_id, 0 AS seq, '' AS what, '' AS status,
            CAST(NULL AS BIGINT) AS wake_at, state AS bytes FROM runs
            WHERE id IN (SELECT id FROM whole)
        UNION ALL
        SELECT 'step' AS kind, run_id, seq, '' AS what, '' AS status,
            CAST(NULL AS BIGINT) AS wake_at, steps AS bytes FROM history
            WHERE run_id IN (SELECT id FROM whole)
        UNION ALL
        SELECT 'letter' AS kind, run_id, 0 AS seq, id AS what, status,
            CAST(NULL AS BIGINT) AS wake_at, {none} AS bytes FROM dead_letters WHERE run_id {of}"
    );
    let values = [ids, bounds.versions.into(), bounds.state.into(), bounds.history.into()];
    let rows = Found::find_by_statement(statement(db, &sql, values))
        .all(db)
        .await
        .map_err(Error::because("read runs with their histories"))?;
    sorted(rows)
}

fn sorted(rows: Vec<Found>) -> Result<Vec<Recorded>, Error> {
    let (runs, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.kind == "run");
    let mut all = BTreeMap::new();
    for row in runs {
        let run = Recorded {
            id: run_id(&row.run_id)?,
            definition: row.what,
            version: row.seq,
            status: status(&row.run_id, &row.status)?,
            wake_at: row.wake_at,
            state: row.bytes,
            history: None,
            letters: Vec::new(),
        };
        all.insert(row.run_id, run);
    }
    for row in others {
        // A letter outlives its run for a moment.
        let Some(run) = all.get_mut(&row.run_id) else { continue };
        match row.kind.as_str() {
            "letter" => run.letters.push(row.what),
            "state" => {
                run.state = row.bytes;
                run.history.get_or_insert_default();
            }
            _ => run.history.get_or_insert_default().push((row.seq, row.bytes)),
        }
    }
    for run in all.values_mut() {
        if let Some(history) = &mut run.history {
            history.sort_by_key(|(seq, _)| *seq);
        }
    }
    Ok(all.into_values().collect())
}
