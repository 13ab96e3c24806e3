//! Content in one stream, over HTTP.

use std::{io, sync::Arc};

use futures::Stream;
use kintsugi_entities::payloads::{Ended, Room, Said, Stored};
use kintsugi_gateway_ops::{App, Problem};
use kintsugi_reference::{CHUNK_BYTES, Digest, PayloadId, Reference, chunks};
use kintsugi_runtime::now;
use tokio::io::{AsyncRead, AsyncReadExt};
use uuid::Uuid;

use crate::{mismatch, too_many};

/// What is to be put.
#[derive(Clone, Debug)]
pub struct Put {
    /// What it is to have as its hash, where that is known before.
    pub id: Option<PayloadId>,
    /// What it is.
    pub media_type: String,
}

/// Puts what `content` gives; returns when it is in the database. The same content again is the same payload.
///
/// # Errors
///
/// 400 when it breaks off, 413, 422 when it has another hash than was said, 503.
pub async fn put(
    app: &App,
    content: &mut (impl AsyncRead + Unpin),
    wanted: Put,
) -> Result<Reference, Problem> {
    let _permit = app.uploads.try_acquire().map_err(|_| too_many())?;
    let name = format!("http-{}", Uuid::new_v4().simple());
    let put = taken(app, &name, content, wanted).await;
    if put.is_err()
        && let Err(error) = app.store.payloads().upload_drop(&name).await
    {
        tracing::debug!(error = &error as &dyn std::error::Error, "an upload is left to the sweep");
    }
    put
}

async fn taken(
    app: &App,
    name: &str,
    content: &mut (impl AsyncRead + Unpin),
    wanted: Put,
) -> Result<Reference, Problem> {
    let (payloads, limits) = (app.store.payloads(), &app.config.payloads);
    let mut digest = Digest::default();
    for n in 0.. {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let read = (&mut *content).take(CHUNK_BYTES as u64).read_to_end(&mut chunk).await;
        read.map_err(|_| Problem::bad_request("unreadable_body", "the body broke off"))?;
        if n * CHUNK_BYTES as u64 + chunk.len() as u64 > limits.bytes_max {
            let max = usize::try_from(limits.bytes_max).unwrap_or(usize::MAX);
            return Err(Problem::too_large("the payload", max));
        }
        if chunk.is_empty() {
            break;
        }
        digest.update(&chunk);
        let (is_last, at) = (chunk.len() < CHUNK_BYTES, now().0);
        let kept = payloads.upload_chunk((name, n), chunk, limits.uploads_max, at).await;
        if kept.map_err(|e| app.store_problem(e))? == Room::Full {
            return Err(too_many());
        }
        if is_last {
            break;
        }
    }
    let (id, bytes) = digest.end();
    if let Some(wanted) = wanted.id.filter(|wanted| *wanted != id) {
        return Err(mismatch(wanted, id));
    }
    let said = Said { id, bytes, media_type: wanted.media_type };
    let ended = payloads.upload_end_seen(name, &said, now().0).await;
    match ended.map_err(|e| app.store_problem(e))? {
        Ended::Kept(stored) => Ok(stored.reference()),
        // It stood still for so long that the sweep took it.
        Ended::Missing(_) | Ended::Wrong(_) => Err(too_many()),
    }
}

/// The content of a payload, a chunk at a time. Ends with an error where the store fails in between.
pub fn read(
    app: Arc<App>,
    stored: &Stored,
) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + use<> {
    let (id, end) = (stored.id, chunks(stored.bytes));
    futures::stream::try_unfold(0, move |n| {
        let app = Arc::clone(&app);
        async move {
            if n >= end {
                return Ok(None);
            }
            match app.store.payloads().chunk(id, n).await {
                Ok(Some(chunk)) => Ok(Some((chunk, n + 1))),
                Ok(None) => Err(io::Error::other("the payload is gone")),
                Err(error) => Err(io::Error::other(error)),
            }
        }
    })
}
