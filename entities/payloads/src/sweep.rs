//! What goes: uploads that never ended, and payloads that nobody refers to.

use std::collections::HashSet;

use kintsugi_reference::PayloadId;
use kintsugi_rows::Error;
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};

use crate::{Payloads, sql};

/// Uploads, and payloads, that one transaction looks at.
const ROWS_MAX: u32 = 200;

/// Bytes that one transaction deletes, one payload apart: so none takes seconds.
const BYTES_MAX: u64 = 256 << 20;

const ACTION: &str = "sweep payloads";

/// What a round of the sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Payloads that are gone.
    pub deleted: u64,
    /// How many bytes they had.
    pub bytes: u64,
    /// Whether another round has something to do.
    pub more: bool,
}

struct Old {
    sha256: String,
    body: String,
    bytes: u64,
}

impl Payloads {
    /// Deletes uploads that nothing came to since `before`, with what they have; how many.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn sweep_uploads(&self, before: i64) -> Result<u64, Error> {
        let because = Error::because(ACTION);
        let transaction = self.writer().begin().await.map_err(&because)?;
        let deleted = uploads(&transaction, before).await?;
        transaction.commit().await.map_err(&because)?;
        Ok(deleted)
    }

    /// Looks at some payloads that nobody put or asked for since `before`. Those that runs own, or events that wait for
    /// others to start a run, are looked at again a grace time after `now`; the rest is deleted. So each payload is
    /// looked at once in a grace time, however many there are.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn sweep(&self, before: i64, now: i64) -> Result<Swept, Error> {
        let because = Error::because(ACTION);
        let transaction = self.writer().begin().await.map_err(&because)?;
        let old = old(&transaction, before).await?;
        let looked_at = old.len();
        let mut kept = owned(&transaction, &old).await?;
        if kept.len() < old.len() {
            kept.extend(awaited(&transaction).await?);
        }
        let (kept, loose): (Vec<_>, Vec<_>) =
            old.into_iter().partition(|one| kept.contains(&one.sha256));
        let (mut swept, mut gone) = (Swept::default(), Vec::new());
        for one in loose {
            if !gone.is_empty() && swept.bytes + one.bytes > BYTES_MAX {
                swept.more = true;
                break;
            }
            swept.bytes += one.bytes;
            swept.deleted += 1;
            gone.push(one);
        }
        again(&transaction, kept, now).await?;
        delete(&transaction, gone).await?;
        transaction.commit().await.map_err(&because)?;
        swept.more |= looked_at >= ROWS_MAX as usize;
        Ok(swept)
    }
}

/// Deletes uploads that nothing came to since `before`; how many.
pub(crate) async fn uploads(transaction: &DatabaseTransaction, before: i64) -> Result<u64, Error> {
    let because = Error::because(ACTION);
    let skip = sql::words(transaction, " FOR UPDATE SKIP LOCKED", "");
    let text = format!(
        "DELETE FROM payload_uploads WHERE name IN (SELECT name FROM payload_uploads
            WHERE at < $1 ORDER BY at LIMIT {ROWS_MAX}{skip}) RETURNING body"
    );
    let statement = sql::statement(transaction, &text, [before.into()]);
    let rows = transaction.query_all_raw(statement).await.map_err(&because)?;
    let bodies: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get("", "body")).collect();
    let bodies = bodies.map_err(&because)?;
    let deleted = bodies.len() as u64;
    chunks(transaction, bodies).await?;
    Ok(deleted)
}

/// What was touched meanwhile is not among them, and nobody can touch one of them before the transaction ends: who
/// tries then finds it gone, or as fresh as it is.
async fn old(transaction: &DatabaseTransaction, before: i64) -> Result<Vec<Old>, Error> {
    let because = Error::because(ACTION);
    let skip = sql::words(transaction, " FOR UPDATE SKIP LOCKED", "");
    let text = format!(
        "SELECT sha256, body, bytes FROM payloads WHERE used_at < $1
        ORDER BY used_at LIMIT {ROWS_MAX}{skip}"
    );
    let statement = sql::statement(transaction, &text, [before.into()]);
    let rows = transaction.query_all_raw(statement).await.map_err(&because)?;
    let read = |row: &sea_orm::QueryResult| {
        let bytes: i64 = row.try_get("", "bytes")?;
        let bytes = u64::try_from(bytes).unwrap_or(0);
        Ok(Old { sha256: row.try_get("", "sha256")?, body: row.try_get("", "body")?, bytes })
    };
    rows.iter().map(read).collect::<Result<_, sea_orm::DbErr>>().map_err(&because)
}

async fn owned(transaction: &DatabaseTransaction, old: &[Old]) -> Result<HashSet<String>, Error> {
    if old.is_empty() {
        return Ok(HashSet::new());
    }
    let because = Error::because(ACTION);
    let of = sql::one_of(transaction, "$1");
    let text = format!(
        "SELECT sha256 FROM payloads WHERE sha256 {of} AND EXISTS
        (SELECT 1 FROM payload_owners WHERE payload_owners.sha256 = payloads.sha256)"
    );
    let ids = sql::list(transaction, old.iter().map(|one| one.sha256.clone()));
    let statement = sql::statement(transaction, &text, [ids]);
    let rows = transaction.query_all_raw(statement).await.map_err(&because)?;
    rows.iter().map(|row| row.try_get("", "sha256").map_err(&because)).collect()
}

/// What events refer to that wait for others before they start a run: no run owns it yet. They are few, and only asked
/// for when something is about to go.
async fn awaited(transaction: &DatabaseTransaction) -> Result<HashSet<String>, Error> {
    let because = Error::because(ACTION);
    let has_one = sql::words(
        transaction,
        "position('\"$payload\"'::bytea in state) > 0",
        "instr(state, CAST('\"$payload\"' AS BLOB)) > 0",
    );
    // No parameter, and a `$` that is none: as it stands.
    let text = format!("SELECT state FROM occasions WHERE {has_one}");
    let backend = transaction.get_database_backend();
    let statement = sea_orm::Statement::from_string(backend, text);
    let mut awaited = HashSet::new();
    for row in transaction.query_all_raw(statement).await.map_err(&because)? {
        let state: Vec<u8> = row.try_get("", "state").map_err(&because)?;
        let ids: Vec<PayloadId> = kintsugi_reference::found(&state);
        awaited.extend(ids.iter().map(ToString::to_string));
    }
    Ok(awaited)
}

async fn again(transaction: &DatabaseTransaction, kept: Vec<Old>, now: i64) -> Result<(), Error> {
    if kept.is_empty() {
        return Ok(());
    }
    let of = sql::one_of(transaction, "$1");
    let text = format!("UPDATE payloads SET used_at = $2 WHERE sha256 {of}");
    let ids = sql::list(transaction, kept.into_iter().map(|one| one.sha256));
    let statement = sql::statement(transaction, &text, [ids, now.into()]);
    transaction.execute_raw(statement).await.map_err(Error::because(ACTION))?;
    Ok(())
}

async fn delete(transaction: &DatabaseTransaction, gone: Vec<Old>) -> Result<(), Error> {
    if gone.is_empty() {
        return Ok(());
    }
    let (ids, bodies): (Vec<_>, Vec<_>) =
        gone.into_iter().map(|one| (one.sha256, one.body)).unzip();
    chunks(transaction, bodies).await?;
    let text = format!("DELETE FROM payloads WHERE sha256 {}", sql::one_of(transaction, "$1"));
    let ids = sql::list(transaction, ids);
    let statement = sql::statement(transaction, &text, [ids]);
    transaction.execute_raw(statement).await.map_err(Error::because(ACTION))?;
    Ok(())
}

async fn chunks(transaction: &DatabaseTransaction, bodies: Vec<String>) -> Result<(), Error> {
    if bodies.is_empty() {
        return Ok(());
    }
    let text = format!("DELETE FROM payload_chunks WHERE body {}", sql::one_of(transaction, "$1"));
    let bodies = sql::list(transaction, bodies);
    let statement = sql::statement(transaction, &text, [bodies]);
    transaction.execute_raw(statement).await.map_err(Error::because(ACTION))?;
    Ok(())
}
