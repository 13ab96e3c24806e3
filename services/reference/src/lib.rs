//! References to payloads: what one looks like, and where one stands in JSON.
//!
//! A payload is content that lies in the database by its SHA-256 and travels as a reference:
//! `{"$payload":{"sha256":"…","bytes":52428800,"media_type":"application/json"}}`. Runs, histories and messages
//! carry the reference and never the content. This crate does no IO and knows nothing of stores and doors.

mod id;

use memchr::memmem;
use serde::{Deserialize, Serialize};

pub use id::{Digest, IdError, PayloadId};

/// Bytes of a chunk, in which payloads are stored and sent. All of a payload's are that long but the last. Half of
/// what a NATS server with its default settings takes in one message.
pub const CHUNK_BYTES: usize = 512 << 10;

/// The media type of what nobody said anything about.
pub const OCTETS: &str = "application/octet-stream";

/// Bytes of a media type at most.
const MEDIA_TYPE_MAX: usize = 128;

/// How a reference begins in JSON.
const MARKER: &[u8] = b"\"$payload\"";

/// Stands for a payload wherever JSON may stand. As JSON it is an object with the one key `$payload`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Reference {
    /// Which payload.
    pub id: PayloadId,
    /// How many bytes it has.
    pub bytes: u64,
    /// What it is, e.g. `application/json`.
    pub media_type: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "$payload")]
    payload: Inner,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    sha256: PayloadId,
    bytes: u64,
    #[serde(default = "octets")]
    media_type: String,
}

fn octets() -> String {
    OCTETS.to_owned()
}

impl From<Written> for Reference {
    fn from(Written { payload }: Written) -> Self {
        let Inner { sha256, bytes, media_type } = payload;
        Self { id: sha256, bytes, media_type }
    }
}

impl From<Reference> for Written {
    fn from(Reference { id, bytes, media_type }: Reference) -> Self {
        Self { payload: Inner { sha256: id, bytes, media_type } }
    }
}

/// In how many chunks so many bytes lie; nothing lies in none.
#[must_use]
pub fn chunks(bytes: u64) -> u64 {
    bytes.div_ceil(CHUNK_BYTES as u64)
}

/// How many bytes chunk `n` of a payload has; zero behind its end.
#[must_use]
pub fn chunk_bytes(bytes: u64, n: u64) -> usize {
    let before = n.saturating_mul(CHUNK_BYTES as u64);
    usize::try_from(bytes.saturating_sub(before)).unwrap_or(usize::MAX).min(CHUNK_BYTES)
}

/// Whether `text` can stand as a media type: `type/subtype`, perhaps with parameters, at most 128 bytes.
#[must_use]
pub fn is_media_type(text: &str) -> bool {
    text.len() <= MEDIA_TYPE_MAX
        && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && text.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty())
}

/// The payloads that JSON refers to, each once, sorted. Costs one pass over the bytes where there are none. What only
/// looks like a reference is none: it is the user's own.
#[must_use]
pub fn found(json: &[u8]) -> Vec<PayloadId> {
    #[derive(Deserialize)]
    struct Named {
        sha256: PayloadId,
    }
    let behind = |at: usize| json[at + MARKER.len()..].trim_ascii_start().strip_prefix(b":");
    let named = |rest| serde_json::Deserializer::from_slice(rest).into_iter::<Named>().next();
    let mut ids: Vec<PayloadId> = memmem::find_iter(json, MARKER)
        .filter_map(behind)
        .filter_map(named)
        .filter_map(Result::ok)
        .map(|named| named.sha256)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Whether JSON may refer to a payload. Says yes to what only looks like it.
#[must_use]
pub fn may_refer(json: &[u8]) -> bool {
    memmem::find(json, MARKER).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn reference(content: &[u8]) -> Reference {
        let bytes = content.len() as u64;
        Reference { id: PayloadId::of(content), bytes, media_type: OCTETS.to_owned() }
    }

    #[test]
    fn a_reference_is_an_object_with_one_key() {
        let written = serde_json::to_value(reference(b"abc")).unwrap();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let inner = json!({ "sha256": sha256, "bytes": 3, "media_type": OCTETS });
        assert_eq!(written, json!({ "$payload": inner }));
        assert_eq!(serde_json::from_value::<Reference>(written).unwrap(), reference(b"abc"));
        let more = json!({ "$payload": inner, "x": 1 });
        assert!(serde_json::from_value::<Reference>(more).is_err());
    }

    #[test]
    fn references_are_found_wherever_they_stand() {
        let (a, b) = (reference(b"a"), reference(b"b"));
        let text = json!({ "x": [a, { "y": b }, a], "text": "\"$payload\"" }).to_string();
        let mut wanted = vec![a.id, b.id];
        wanted.sort_unstable();
        assert_eq!(found(text.as_bytes()), wanted);
        let spaced = format!("{{ \"$payload\" : {{ \"later\": 1, \"sha256\": \"{}\" }} }}", a.id);
        assert_eq!(found(spaced.as_bytes()), [a.id]);
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        let quoted = Value::String(serde_json::to_string(&reference(b"a")).unwrap()).to_string();
        assert!(!may_refer(quoted.as_bytes()));
        for text in [
            "",
            "\"$payload\"",
            "{\"$payload\":",
            "{\"$payload\":7}",
            "{\"$payload\":{\"sha256\":\"beef\"}}",
            quoted.as_str(),
        ] {
            assert_eq!(found(text.as_bytes()), [], "{text}");
        }
    }

    #[test]
    fn chunks_are_full_but_the_last() {
        let full = CHUNK_BYTES as u64;
        for (bytes, count, last) in [(0, 0, 0), (1, 1, 1), (full, 1, CHUNK_BYTES), (full + 1, 2, 1)]
        {
            assert_eq!(chunks(bytes), count, "{bytes}");
            assert_eq!(chunk_bytes(bytes, count.saturating_sub(1)), last, "{bytes}");
            assert_eq!(chunk_bytes(bytes, count), 0, "{bytes}");
        }
    }

    #[test]
    fn a_media_type_has_two_parts_and_prints() {
        for good in ["a/b", "text/plain; charset=utf-8"] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in ["", "a", "/b", "a/", "a/b\r\nx: y", "a/ü", &format!("a/{}", "b".repeat(127))] {
            assert!(!is_media_type(bad), "{bad}");
        }
    }
}
