//! Payloads and what stands for them.

use kintsugi_reference::Reference;
use poem_openapi::Object;

/// What stands for a payload wherever JSON may stand.
#[derive(Debug, Object)]
pub struct PayloadReference {
    /// Which payload.
    #[oai(rename = "$payload")]
    pub payload: Payload,
}

/// A payload.
#[derive(Debug, Object)]
pub struct Payload {
    /// SHA-256 of its content: 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What it was said to be when it was put first.
    pub media_type: String,
}

impl From<Reference> for PayloadReference {
    fn from(Reference { id, bytes, media_type }: Reference) -> Self {
        Self { payload: Payload { sha256: id.to_string(), bytes, media_type } }
    }
}
