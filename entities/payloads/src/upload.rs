//! Uploads: content on its way in, chunk by chunk, until its hash is found right.
//!
//! An upload's name is its client's; its body is ours, and one of its own for each time that the name is begun anew.
//! So what comes late to a name never touches what was finished under it.

use kintsugi_reference::{CHUNK_BYTES, Digest, PayloadId, chunk_bytes, chunks};
use kintsugi_rows::Error;
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};

use crate::{Payloads, Stored, read, sql};

const ACTION: &str = "put a payload";

/// An upload that nobody sent anything to for so long makes room for others, in milliseconds: five minutes.
const IDLE_MS: i64 = 300_000;

/// Chunks that are named when they are missing.
const NAMED_MAX: usize = 64;

/// Whether there is room for what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It is kept.
    Kept,
    /// There are as many uploads as there may be.
    Full,
}

/// What a client says of an upload that it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The name of the content.
    pub id: PayloadId,
    /// How many bytes it has.
    pub bytes: u64,
    /// What it is.
    pub media_type: String,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The payload is there; with what was said of it when it was put first.
    Kept(Stored),
    /// These chunks are missing, or not as long as they must be; of many the first 64.
    Missing(Vec<u64>),
    /// The content has another name than was said. The upload is gone.
    Wrong(PayloadId),
}

impl Payloads {
    /// Keeps chunk `n` of the upload `name`, which begins with it where there is none. One that is kept already stays.
    /// At most `uploads_max` are open at once.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when it is empty or longer than a chunk may be; and when the database does not answer.
    pub async fn upload_chunk(
        &self,
        (name, n): (&str, u64),
        bytes: Vec<u8>,
        uploads_max: u32,
        now: i64,
    ) -> Result<Room, Error> {
        let because = Error::because(ACTION);
        if bytes.is_empty() || bytes.len() > CHUNK_BYTES {
            let what = format!("a chunk has {} bytes; it must be 1 to {CHUNK_BYTES}", bytes.len());
            return Err(Error::invalid(what));
        }
        let place = i64::try_from(n).unwrap_or(i64::MAX);
        let transaction = self.writer().begin().await.map_err(&because)?;
        let Some(body) = open(&transaction, name, uploads_max, now).await? else {
            transaction.rollback().await.map_err(&because)?;
            return Ok(Room::Full);
        };
        let text = "INSERT INTO payload_chunks (body, n, bytes) VALUES ($1, $2, $3)
            ON CONFLICT (body, n) DO NOTHING";
        let insert = self.statement(text, [body.into(), place.into(), bytes.into()]);
        transaction.execute_raw(insert).await.map_err(&because)?;
        transaction.commit().await.map_err(&because)?;
        Ok(Room::Kept)
    }

    /// Ends an upload: what was sent becomes the payload that it is said to be, if it is. The same again, after an
    /// answer was lost, gives the same.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn upload_end(&self, name: &str, said: &Said, now: i64) -> Result<Ended, Error> {
        if let Some(known) = self.touch(&[said.id], now).await?.pop() {
            self.upload_drop(name).await?;
            return Ok(Ended::Kept(known));
        }
        if said.bytes == 0 {
            return self.nothing(said, now).await;
        }
        let body = self.body(name).await?;
        let missing = self.missing(body.as_deref(), said.bytes).await?;
        let Some(body) = body.filter(|_| missing.is_empty()) else {
            return Ok(Ended::Missing(missing));
        };
        let mut digest = Digest::default();
        for n in 0..chunks(said.bytes) {
            let Some(chunk) = self.sent(&body, n).await? else {
                return Ok(Ended::Missing(vec![n]));
            };
            digest.update(&chunk);
        }
        let (id, _) = digest.end();
        if id != said.id {
            self.upload_drop(name).await?;
            return Ok(Ended::Wrong(id));
        }
        self.upload_finish(name, &body, said, now).await
    }

    /// Ends an upload whose content the caller has seen whole, in order, and found to be what it says.
    ///
    /// # Errors
    ///
    /// As [`Payloads::upload_end`].
    pub async fn upload_end_seen(&self, name: &str, said: &Said, now: i64) -> Result<Ended, Error> {
        // None: the content is empty, or the upload was given up meanwhile.
        let Some(body) = self.body(name).await? else {
            return self.upload_end(name, said, now).await;
        };
        // It may have been given up and begun anew behind the caller's back.
        let missing = self.missing(Some(&body), said.bytes).await?;
        if !missing.is_empty() {
            return Ok(Ended::Missing(missing));
        }
        self.upload_finish(name, &body, said, now).await
    }

    /// The payload that has no content, and so no chunk that an upload could begin with.
    async fn nothing(&self, said: &Said, now: i64) -> Result<Ended, Error> {
        let because = Error::because(ACTION);
        let id = PayloadId::of(b"");
        if id != said.id {
            return Ok(Ended::Wrong(id));
        }
        let transaction = self.writer().begin().await.map_err(&because)?;
        let stored = insert(&transaction, &new_body(), said, now).await?;
        transaction.commit().await.map_err(&because)?;
        Ok(Ended::Kept(stored))
    }

    async fn upload_finish(
        &self,
        name: &str,
        body: &str,
        said: &Said,
        now: i64,
    ) -> Result<Ended, Error> {
        let because = Error::because(ACTION);
        let transaction = self.writer().begin().await.map_err(&because)?;
        // Whoever deletes this row has the body: a sweep and another end may want it too.
        let text = "DELETE FROM payload_uploads WHERE name = $1 AND body = $2";
        let delete = self.statement(text, [name.into(), body.into()]);
        let deleted = transaction.execute_raw(delete).await.map_err(&because)?;
        if deleted.rows_affected() != 1 {
            transaction.rollback().await.map_err(&because)?;
            let known = self.touch(&[said.id], now).await?.pop();
            let all = || (0..chunks(said.bytes)).take(NAMED_MAX).collect();
            return Ok(known.map_or_else(|| Ended::Missing(all()), Ended::Kept));
        }
        let stored = insert(&transaction, body, said, now).await?;
        transaction.commit().await.map_err(&because)?;
        Ok(Ended::Kept(stored))
    }

    /// Gives an upload up.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn upload_drop(&self, name: &str) -> Result<(), Error> {
        let because = Error::because("give an upload up");
        let Some(body) = self.body(name).await? else { return Ok(()) };
        let transaction = self.writer().begin().await.map_err(&because)?;
        let text = "DELETE FROM payload_uploads WHERE name = $1 AND body = $2";
        let delete = self.statement(text, [name.into(), body.as_str().into()]);
        if transaction.execute_raw(delete).await.map_err(&because)?.rows_affected() == 1 {
            let text = "DELETE FROM payload_chunks WHERE body = $1";
            let delete = self.statement(text, [body.into()]);
            transaction.execute_raw(delete).await.map_err(&because)?;
        }
        transaction.commit().await.map_err(&because)
    }

    async fn body(&self, name: &str) -> Result<Option<String>, Error> {
        let because = Error::because(ACTION);
        let select =
            self.statement("SELECT body FROM payload_uploads WHERE name = $1", [name.into()]);
        let row = self.writer().query_one_raw(select).await.map_err(&because)?;
        row.map(|row| row.try_get("", "body").map_err(&because)).transpose()
    }

    async fn sent(&self, body: &str, n: u64) -> Result<Option<Vec<u8>>, Error> {
        let because = Error::because(ACTION);
        let text = "SELECT bytes FROM payload_chunks WHERE body = $1 AND n = $2";
        let place = i64::try_from(n).unwrap_or(i64::MAX);
        let select = self.statement(text, [body.into(), place.into()]);
        let row = self.writer().query_one_raw(select).await.map_err(&because)?;
        row.map(|row| row.try_get("", "bytes").map_err(&because)).transpose()
    }

    /// Chunks of a body that are not there, or have another length than that many bytes ask for.
    async fn missing(&self, body: Option<&str>, bytes: u64) -> Result<Vec<u64>, Error> {
        let because = Error::because(ACTION);
        let text =
            "SELECT n, CAST(length(bytes) AS BIGINT) AS size FROM payload_chunks WHERE body = $1";
        let select = self.statement(text, [body.unwrap_or_default().into()]);
        let mut sizes = std::collections::HashMap::new();
        for row in self.writer().query_all_raw(select).await.map_err(&because)? {
            let n: i64 = row.try_get("", "n").map_err(&because)?;
            let size: i64 = row.try_get("", "size").map_err(&because)?;
            sizes.insert(u64::try_from(n).unwrap_or(u64::MAX), size);
        }
        let is_there = |n: &u64| {
            let wanted = i64::try_from(chunk_bytes(bytes, *n)).unwrap_or(i64::MAX);
            sizes.get(n) == Some(&wanted)
        };
        Ok((0..chunks(bytes)).filter(|n| !is_there(n)).take(NAMED_MAX).collect())
    }
}

fn new_body() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// The body of an upload, which begins here if it must; none: there are too many.
async fn open(
    transaction: &DatabaseTransaction,
    name: &str,
    uploads_max: u32,
    now: i64,
) -> Result<Option<String>, Error> {
    const OPEN: &str = "INSERT INTO payload_uploads (name, body, at)
        SELECT $1, $2, $3
        WHERE (SELECT count(*) FROM payload_uploads) < $4
            OR EXISTS (SELECT 1 FROM payload_uploads WHERE name = $1)
        ON CONFLICT (name) DO UPDATE SET at = excluded.at
        RETURNING body";
    let because = Error::because(ACTION);
    for made_room in [false, true] {
        let values = [name.into(), new_body().into(), now.into(), i64::from(uploads_max).into()];
        let insert = sql::statement(transaction, OPEN, values);
        let row = transaction.query_one_raw(insert).await.map_err(&because)?;
        if let Some(row) = row {
            return Ok(Some(row.try_get("", "body").map_err(&because)?));
        }
        if !made_room && crate::sweep::uploads(transaction, now.saturating_sub(IDLE_MS)).await? == 0
        {
            return Ok(None);
        }
    }
    Ok(None)
}

/// The payload, whose content is `body` unless it was there already.
async fn insert(
    transaction: &DatabaseTransaction,
    body: &str,
    said: &Said,
    now: i64,
) -> Result<Stored, Error> {
    let because = Error::because(ACTION);
    let text = "INSERT INTO payloads (sha256, body, bytes, media_type, created_at, used_at)
        VALUES ($1, $2, $3, $4, $5, $5)
        ON CONFLICT (sha256) DO UPDATE SET used_at = excluded.used_at
        RETURNING sha256, bytes, media_type, body";
    let bytes = i64::try_from(said.bytes).unwrap_or(i64::MAX);
    let values = [
        said.id.to_string().into(),
        body.into(),
        bytes.into(),
        said.media_type.as_str().into(),
        now.into(),
    ];
    let insert = sql::statement(transaction, text, values);
    let row = transaction.query_one_raw(insert).await.map_err(&because)?;
    let row = row.ok_or_else(|| Error::corrupt("a payload", "it is not there after it was put"))?;
    let kept: String = row.try_get("", "body").map_err(&because)?;
    if kept != body {
        let delete = sql::statement(
            transaction,
            "DELETE FROM payload_chunks WHERE body = $1",
            [body.into()],
        );
        transaction.execute_raw(delete).await.map_err(&because)?;
    }
    let row = read::Row {
        sha256: row.try_get("", "sha256").map_err(&because)?,
        bytes: row.try_get("", "bytes").map_err(&because)?,
        media_type: row.try_get("", "media_type").map_err(&because)?,
    };
    row.try_into()
}
