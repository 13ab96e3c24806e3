//! Who refers to what. Written in the transaction in which a reference comes to a run, so that there is no moment in
//! which a run refers to what a sweep may take.

use std::collections::BTreeSet;

use kintsugi_reference::PayloadId;
use kintsugi_rows::Error;
use sea_orm::ConnectionTrait;

use crate::{read::touch, sql};

/// Rows of one statement.
const ROWS_MAX: usize = 1_000;

/// Something that a run is told.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Which run.
    pub run: &'a str,
    /// What: JSON.
    pub json: &'a [u8],
    /// When.
    pub at: i64,
}

/// Whether any of this JSON may refer to a payload. One pass over the bytes.
pub fn may_refer<'a>(mut json: impl Iterator<Item = &'a [u8]>) -> bool {
    json.any(kintsugi_reference::may_refer)
}

/// Makes runs owners of all payloads that what they are told refers to, also of such that are not there (they may be
/// put later). Of runs that are not there nothing is written. Asks the database nothing where nothing is referred to.
///
/// # Errors
///
/// When the database does not answer.
pub async fn own<'a>(
    connection: &impl ConnectionTrait,
    told: impl IntoIterator<Item = Told<'a>>,
) -> Result<(), Error> {
    let (mut owners, mut at) = (BTreeSet::new(), i64::MIN);
    for one in told {
        for id in kintsugi_reference::found(one.json) {
            owners.insert((one.run.to_owned(), id));
            at = at.max(one.at);
        }
    }
    if owners.is_empty() {
        return Ok(());
    }
    let ids: BTreeSet<PayloadId> = owners.iter().map(|(_, id)| *id).collect();
    let ids: Vec<PayloadId> = ids.into_iter().collect();
    for ids in ids.chunks(ROWS_MAX) {
        touch(connection, ids, at).await?;
    }
    let owners: Vec<(String, PayloadId)> = owners.into_iter().collect();
    for owners in owners.chunks(ROWS_MAX) {
        insert(connection, owners).await?;
    }
    Ok(())
}

/// A run cannot be deleted before the end of the transaction: its rows here would be left behind.
async fn insert(
    connection: &impl ConnectionTrait,
    owners: &[(String, PayloadId)],
) -> Result<(), Error> {
    const POSTGRES: &str = "INSERT INTO payload_owners (run_id, sha256)
        SELECT runs.id, new.sha256 FROM UNNEST($1::text[], $2::text[]) AS new (run_id, sha256)
        JOIN runs ON runs.id = new.run_id FOR KEY SHARE OF runs
        ON CONFLICT DO NOTHING";
    const SQLITE: &str = "INSERT INTO payload_owners (run_id, sha256)
        SELECT runs.id, ids.value FROM json_each($1) AS owners
        JOIN json_each($2) AS ids ON ids.key = owners.key
        JOIN runs ON runs.id = owners.value WHERE true
        ON CONFLICT DO NOTHING";
    let runs = sql::list(connection, owners.iter().map(|(run, _)| run.clone()));
    let ids = sql::list(connection, owners.iter().map(|(_, id)| id.to_string()));
    let text = sql::words(connection, POSTGRES, SQLITE);
    let statement = sql::statement(connection, text, [runs, ids]);
    connection.execute_raw(statement).await.map_err(Error::because("own payloads"))?;
    Ok(())
}
