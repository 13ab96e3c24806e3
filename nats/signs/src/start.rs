//! A start as a gateway hands it to the owner of its run's partition.

use std::time::Duration;

use kintsugi_core::{RunId, RunState};
use serde::{Deserialize, Serialize};

/// How long a gateway waits for the owner before it accepts a run itself. What is half as old when the
/// owner comes to it is refused: both would accept it, and the owner's whole batch would have to begin anew.
pub const START_PATIENCE: Duration = Duration::from_secs(1);

/// A run that is to be accepted. `S` is its state: read, or as bytes of JSON, which are sent as they
/// lie there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start<S = RunState> {
    /// The run.
    pub id: RunId,
    /// `namespace/name:version`, exact.
    pub definition: String,
    /// When it was asked for, in milliseconds of the epoch.
    pub created_at: i64,
    /// Digest of what was asked for.
    pub digest: String,
    /// `traceparent` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_parent: Option<String>,
    /// Its state before anything happened.
    pub state: S,
}

/// A JSON array. States are copied into it as they are, instead of being read and written again.
///
/// # Errors
///
/// When an id or a definition cannot be written.
pub fn encode_starts(starts: &[Start<&[u8]>]) -> Result<Vec<u8>, serde_json::Error> {
    let mut all = vec![b'['];
    for (n, start) in starts.iter().enumerate() {
        if n > 0 {
            all.push(b',');
        }
        let Start { id, definition, created_at, digest, trace_parent, state } = start.clone();
        let head = Start { id, definition, created_at, digest, trace_parent, state: () };
        let head = serde_json::to_vec(&head)?;
        // It ends with `null}`, the state's place.
        all.extend_from_slice(&head[..head.len() - NO_STATE.len()]);
        all.extend_from_slice(state);
        all.push(b'}');
    }
    all.push(b']');
    Ok(all)
}

/// How a start without a state ends.
const NO_STATE: &[u8] = b"null}";

#[cfg(test)]
mod tests {
    use kintsugi_core::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn states_are_sent_as_they_are_and_read_again() {
        let state = RunState::new(json!({ "text": "a \"null}\" in it" }), Timestamp(7));
        let bytes = serde_json::to_vec(&state).unwrap();
        let start = |id: &str, trace_parent: Option<&str>| Start {
            id: RunId::parse(id).unwrap(),
            definition: "a/b:1.0.0".to_owned(),
            created_at: 7,
            digest: "d".to_owned(),
            trace_parent: trace_parent.map(str::to_owned),
            state: bytes.as_slice(),
        };
        let sent = encode_starts(&[start("a", None), start("b", Some("00-1-2-01"))]).unwrap();
        let read: Vec<Start> = serde_json::from_slice(&sent).unwrap();
        let ids = read.iter().map(|start| (start.id.as_str(), start.trace_parent.as_deref()));
        assert_eq!(ids.collect::<Vec<_>>(), [("a", None), ("b", Some("00-1-2-01"))]);
        assert!(read.iter().all(|start| start.state == state && start.definition == "a/b:1.0.0"));
        let none: Vec<Start> = serde_json::from_slice(&encode_starts(&[]).unwrap()).unwrap();
        assert_eq!(none, []);
    }
}
