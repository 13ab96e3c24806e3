//! Payloads, whichever door they come in or go out at. At most a chunk of each is in memory at a time.
//!
//! What is put lies in the database before anyone is answered. What breaks off is an upload that nobody ends, and goes
//! after an hour.

#![expect(
    clippy::result_large_err,
    reason = "a problem is made once a failed request and moved a few times; a box would show everywhere"
)]

mod pieces;
mod stream;

use kintsugi_entities::payloads::Stored;
use kintsugi_gateway_ops::{App, Problem};
use kintsugi_reference::PayloadId;

pub use pieces::{End, end, put_chunk};
pub use stream::{Put, put, read};

/// The payload that a path or subject names. What is no SHA-256 names none.
///
/// # Errors
///
/// 404, 503.
pub async fn get(app: &App, id: &str) -> Result<Stored, Problem> {
    let found = match PayloadId::parse(id) {
        Ok(id) => app.store.payloads().get(id).await.map_err(|e| app.store_problem(e))?,
        Err(_) => None,
    };
    found.ok_or_else(|| unknown(id))
}

/// The same, which keeps it for another grace time: for who is about to refer to it.
///
/// # Errors
///
/// 404, 503.
pub async fn look(app: &App, id: &str) -> Result<Stored, Problem> {
    let Ok(parsed) = PayloadId::parse(id) else { return Err(unknown(id)) };
    let now = kintsugi_runtime::now().0;
    let found = app.store.payloads().touch(&[parsed], now).await;
    found.map_err(|e| app.store_problem(e))?.pop().ok_or_else(|| unknown(id))
}

/// Chunk `n` of a payload.
///
/// # Errors
///
/// 404, 503.
pub async fn chunk(app: &App, id: &str, n: u64) -> Result<Vec<u8>, Problem> {
    let Ok(parsed) = PayloadId::parse(id) else { return Err(unknown(id)) };
    let found = app.store.payloads().chunk(parsed, n).await.map_err(|e| app.store_problem(e))?;
    found.ok_or_else(|| unknown(id).detail(format!("or it has no chunk {n}")))
}

fn unknown(id: &str) -> Problem {
    let shown: String = id.chars().take(80).collect();
    Problem::not_found("payload_unknown", format!("there is no payload {shown}"))
}

/// Content has another hash than was said.
fn mismatch(wanted: PayloadId, is: PayloadId) -> Problem {
    let title = format!("the content has the SHA-256 {is}, not {wanted}");
    Problem::unprocessable("payload_hash_mismatch", title)
}

fn too_many() -> Problem {
    Problem::unavailable("too_many_uploads", "too many uploads are open")
}
