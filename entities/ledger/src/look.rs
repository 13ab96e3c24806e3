//! One look at what can be seen by indexes alone.

use kintsugi_core::RunId;
use kintsugi_rows::{Error, run_id};
use sea_orm::{DatabaseConnection, FromQueryResult};

use crate::{is_postgres, statement};

/// From where on a look goes, in milliseconds of the epoch but for `after`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// Runs that were accepted before this should have begun.
    pub pending: i64,
    /// Runs whose deadline was before this should have been told.
    pub due: i64,
    /// Dead letters that are older should be in the stream.
    pub letters: i64,
    /// Runs that ended later are new.
    pub ended: i64,
    /// Runs without a deadline are looked at behind this one.
    pub after: String,
    /// How many of each kind at most.
    pub limit: u32,
    /// How many ended runs at most, the newest.
    pub ended_max: u32,
}

/// What a look finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Accepted long ago and not begun: the run, and since when.
    pub pending: Vec<(RunId, i64)>,
    /// Open, begun, and due long ago: the run, and since when.
    pub late: Vec<(RunId, i64)>,
    /// Open and without a deadline, which may be in order.
    pub unarmed: Vec<RunId>,
    /// Dead letters that the stream should have, and since when.
    pub unpublished: Vec<(String, i64)>,
    /// Runs that ended, and when.
    pub ended: Vec<(RunId, i64)>,
    /// Partitions, each with its owner's epoch.
    pub partitions: Vec<(String, i64)>,
    /// Settings of the database on which rests that it keeps what it acknowledged.
    pub settings: Vec<(String, String)>,
}

#[derive(FromQueryResult)]
struct Found {
    kind: String,
    id: String,
    at: i64,
    what: String,
}

/// Looks once. Each part reads an index and stops at its limit.
///
/// # Errors
///
/// When the database does not answer.
pub async fn look(db: &DatabaseConnection, since: &Since) -> Result<Look, Error> {
    let values = [
        since.pending.into(),
        since.due.into(),
        since.letters.into(),
        since.ended.into(),
        since.after.as_str().into(),
        i64::from(since.limit).into(),
        i64::from(since.ended_max).into(),
    ];
    let rows = Found::find_by_statement(statement(db, &sql(is_postgres(db)), values))
        .all(db)
        .await
        .map_err(Error::because("look after the promises"))?;
    let mut look = Look::default();
    for Found { kind, id, at, what } in rows {
        match kind.as_str() {
            "pending" => look.pending.push((run_id(&id)?, at)),
            "late" => look.late.push((run_id(&id)?, at)),
            "unarmed" => look.unarmed.push(run_id(&id)?),
            "unpublished" => look.unpublished.push((id, at)),
            "ended" => look.ended.push((run_id(&id)?, at)),
            "partition" => look.partitions.push((id, at)),
            _ => look.settings.push((id, what)),
        }
    }
    Ok(look)
}

fn sql(postgres: bool) -> String {
    // Without statistics SQLite takes another index unless told.
    let open = if postgres { "runs" } else { "runs INDEXED BY runs_open" };
    let setting = |name: &str, value: &str| {
        format!("UNION ALL SELECT 'setting' AS kind, '{name}' AS id, 0 AS at, {value} AS what")
    };
    let settings = if postgres {
        let all = ["fsync", "full_page_writes", "synchronous_commit"];
        all.map(|name| setting(name, &format!("current_setting('{name}')"))).join("\n")
    } else {
        let all = ["synchronous", "journal_mode"];
        let value = |name| format!("(SELECT CAST({name} AS TEXT) FROM pragma_{name})");
        all.map(|name| setting(name, &value(name))).join("\n")
    };
    format!(
        "SELECT 'pending' AS kind, id, created_at AS at, '' AS what FROM (
            SELECT id, created_at FROM runs WHERE status = 'pending' AND created_at < $1
            ORDER BY created_at, id LIMIT $6) AS pending
        UNION ALL
        SELECT 'late' AS kind, id, wake_at AS at, '' AS what FROM (
            SELECT id, wake_at FROM runs WHERE wake_at < $2 AND status <> 'pending'
            ORDER BY wake_at LIMIT $6) AS late
        UNION ALL
        SELECT 'unarmed' AS kind, id, 0 AS at, '' AS what FROM (
            SELECT id FROM {open}
            WHERE status IN ('pending', 'running', 'waiting', 'suspended') AND id > $5
                AND wake_at IS NULL AND status <> 'suspended'
            ORDER BY id LIMIT $6) AS unarmed
        UNION ALL
        SELECT 'unpublished' AS kind, id, created_at AS at, '' AS what FROM (
            SELECT id, created_at FROM dead_letters
            WHERE published_at IS NULL AND created_at < $3
            ORDER BY created_at, id LIMIT $6) AS unpublished
        UNION ALL
        SELECT 'ended' AS kind, id, ended_at AS at, '' AS what FROM (
            SELECT id, ended_at FROM runs WHERE ended_at > $4
            ORDER BY ended_at DESC LIMIT $7) AS ended
        UNION ALL
        SELECT 'partition' AS kind, CAST(id AS TEXT) AS id, owner_epoch AS at, '' AS what
            FROM partitions
        {settings}"
    )
}
