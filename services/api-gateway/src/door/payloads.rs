//! Payloads in chunks that fit a message.

use kintsugi_gateway_ops::{App, Problem, json, types::PayloadReference};
use kintsugi_gateway_payloads as payloads;
use poem_openapi::types::ToJSON;

/// `kintsugi.api.payload.` and `look.<sha256>`, `get.<sha256>.<n>`, `put.<upload>.<n>` or `end.<upload>`. Chunks are
/// bytes as they are, the rest is JSON.
///
/// # Errors
///
/// 400 for another subject; otherwise as the operations.
pub(super) async fn answer(app: &App, subject: &str, bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let rest = subject.strip_prefix("kintsugi.api.payload.").unwrap_or_default();
    let tokens: Vec<&str> = rest.split('.').collect();
    let shown = |reference| PayloadReference::from(reference).to_json_string().into_bytes();
    match tokens.as_slice() {
        ["look", id] => Ok(shown(payloads::look(app, id).await?.reference())),
        ["get", id, n] => payloads::chunk(app, id, number(n)?).await,
        ["put", upload, n] => {
            payloads::put_chunk(app, upload, number(n)?, bytes.to_vec()).await?;
            Ok(b"{}".to_vec())
        }
        ["end", upload] => Ok(shown(payloads::end(app, upload, json::from_slice(bytes)?).await?)),
        _ => Err(malformed()),
    }
}

fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| malformed())
}

fn malformed() -> Problem {
    let title = "the subject must be kintsugi.api.payload. and look.<sha256>, get.<sha256>.<n>, \
        put.<upload>.<n> or end.<upload>";
    Problem::bad_request("malformed_subject", title)
}
