//! Content in pieces, each a request of its own, for who speaks only NATS. Any gateway takes any piece.

use kintsugi_entities::payloads::{Ended, Room, Said};
use kintsugi_gateway_ops::{App, Problem};
use kintsugi_reference::{CHUNK_BYTES, PayloadId, Reference, chunks, is_media_type};
use kintsugi_runtime::now;
use serde::Deserialize;

use crate::{mismatch, too_many};

/// What is said of an upload at its end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// SHA-256 of the content.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What it is. Default: `application/octet-stream`.
    #[serde(default)]
    pub media_type: Option<String>,
}

/// Keeps chunk `n` of an upload, whose name its client made up. One that is kept already stays as it is.
///
/// # Errors
///
/// 413 when it is longer than a chunk may be or lies behind the longest payload, 422 for a malformed name, 503.
pub async fn put_chunk(app: &App, name: &str, n: u64, bytes: Vec<u8>) -> Result<(), Problem> {
    checked(name)?;
    let limits = &app.config.payloads;
    if bytes.is_empty() {
        return Err(Problem::unprocessable("invalid_chunk", "the chunk is empty"));
    }
    if bytes.len() > CHUNK_BYTES {
        return Err(Problem::too_large("the chunk", CHUNK_BYTES));
    }
    if n >= chunks(limits.bytes_max) {
        return Err(too_large(app));
    }
    let payloads = app.store.payloads();
    let kept = payloads.upload_chunk((name, n), bytes, limits.uploads_max, now().0).await;
    match kept.map_err(|e| app.store_problem(e))? {
        Room::Kept => Ok(()),
        Room::Full => Err(too_many()),
    }
}

/// Ends an upload: its chunks become a payload. The same again gives the same.
///
/// # Errors
///
/// 409 when chunks are missing, with their numbers; 413; 422 when the content has another hash, or something said is
/// malformed; 503.
pub async fn end(app: &App, name: &str, end: End) -> Result<Reference, Problem> {
    checked(name)?;
    let id = PayloadId::parse(&end.sha256)
        .map_err(|error| Problem::unprocessable("invalid_payload_id", error.to_string()))?;
    let media_type = end.media_type.unwrap_or_else(|| kintsugi_reference::OCTETS.to_owned());
    if !is_media_type(&media_type) {
        let title = "`media_type` must be like `application/json`, of at most 128 bytes";
        return Err(Problem::unprocessable("invalid_media_type", title));
    }
    if end.bytes > app.config.payloads.bytes_max {
        return Err(too_large(app));
    }
    let said = Said { id, bytes: end.bytes, media_type };
    let ended = app.store.payloads().upload_end(name, &said, now().0).await;
    match ended.map_err(|e| app.store_problem(e))? {
        Ended::Kept(stored) => Ok(stored.reference()),
        Ended::Wrong(is) => Err(mismatch(id, is)),
        Ended::Missing(missing) => {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            let title = "chunks are missing, or not as long as they must be; put them again";
            let problem = Problem::conflict("payload_incomplete", title);
            Err(problem.detail(missing.join(", ")))
        }
    }
}

fn too_large(app: &App) -> Problem {
    let max = usize::try_from(app.config.payloads.bytes_max).unwrap_or(usize::MAX);
    Problem::too_large("the payload", max)
}

fn checked(name: &str) -> Result<(), Problem> {
    let fits = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if fits {
        return Ok(());
    }
    let title = "the upload's name must match [A-Za-z0-9_-]{1,64}";
    Err(Problem::unprocessable("invalid_upload", title))
}
