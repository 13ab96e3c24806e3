//! What is there.

use kintsugi_reference::{PayloadId, chunks};
use kintsugi_rows::Error;
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::{Payloads, Stored, TOUCH_MS, sql};

const ACTION: &str = "read a payload";

#[derive(FromQueryResult)]
pub(crate) struct Row {
    pub(crate) sha256: String,
    pub(crate) bytes: i64,
    pub(crate) media_type: String,
}

impl TryFrom<Row> for Stored {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let corrupt = |problem: String| Error::corrupt(format!("payload {}", row.sha256), problem);
        Ok(Self {
            id: PayloadId::parse(&row.sha256).map_err(|problem| corrupt(problem.to_string()))?,
            bytes: u64::try_from(row.bytes).map_err(|problem| corrupt(problem.to_string()))?,
            media_type: row.media_type,
        })
    }
}

/// Notes that these are asked for now, unless that was noted lately; gives those that are there. Until the end of the
/// transaction no sweep takes one of them.
pub(crate) async fn touch(
    connection: &impl ConnectionTrait,
    ids: &[PayloadId],
    now: i64,
) -> Result<Vec<Stored>, Error> {
    let because = Error::because("keep payloads");
    let list = || sql::list(connection, ids.iter().map(ToString::to_string));
    let of = sql::one_of(connection, "$1");
    // In one order, so that two that touch the same cannot wait for each other.
    let lock = sql::words(connection, " ORDER BY sha256 FOR UPDATE", "");
    let update = format!(
        "UPDATE payloads SET used_at = $2 WHERE sha256 IN
        (SELECT sha256 FROM payloads WHERE sha256 {of} AND used_at < $3{lock})"
    );
    let values = [list(), now.into(), now.saturating_sub(TOUCH_MS).into()];
    let update = sql::statement(connection, &update, values);
    connection.execute_raw(update).await.map_err(&because)?;
    let select = format!("SELECT sha256, bytes, media_type FROM payloads WHERE sha256 {of}");
    let select = sql::statement(connection, &select, [list()]);
    let rows = Row::find_by_statement(select).all(connection).await.map_err(&because)?;
    rows.into_iter().map(Stored::try_from).collect()
}

impl Payloads {
    /// Notes that these are asked for at `now`, which keeps them for another grace time; gives those that are there.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn touch(&self, ids: &[PayloadId], now: i64) -> Result<Vec<Stored>, Error> {
        touch(self.writer(), ids, now).await
    }

    /// What is known of a payload.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn get(&self, id: PayloadId) -> Result<Option<Stored>, Error> {
        let text = "SELECT sha256, bytes, media_type FROM payloads WHERE sha256 = $1";
        let statement = self.statement(text, [id.to_string().into()]);
        let row = Row::find_by_statement(statement).one(self.reader()).await;
        row.map_err(Error::because(ACTION))?.map(Stored::try_from).transpose()
    }

    /// Chunk `n`, from 0, of a payload; none: there is no such payload, or it has fewer.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn chunk(&self, id: PayloadId, n: u64) -> Result<Option<Vec<u8>>, Error> {
        let because = Error::because(ACTION);
        let text = "SELECT payload_chunks.bytes AS chunk, payloads.bytes AS total FROM payloads
            JOIN payload_chunks ON payload_chunks.body = payloads.body
            WHERE payloads.sha256 = $1 AND payload_chunks.n = $2";
        let place = i64::try_from(n).unwrap_or(i64::MAX);
        let statement = self.statement(text, [id.to_string().into(), place.into()]);
        let row = self.reader().query_one_raw(statement).await.map_err(&because)?;
        let Some(row) = row else { return Ok(None) };
        let total: i64 = row.try_get("", "total").map_err(&because)?;
        // What came late to an upload that had ended lies behind the end, and is none of it.
        let is_in = n < chunks(u64::try_from(total).unwrap_or(0));
        if is_in { Ok(Some(row.try_get("", "chunk").map_err(&because)?)) } else { Ok(None) }
    }
}
