//! What became of a letter that was asked, and what its task gets.

use kintsugi_core::{RunState, Status};
use kintsugi_entities::{DeadLetterStatus, RedriveLook, RedriveState};
use serde_json::Value;

/// What a letter that was asked came to; none: that is not decided.
///
/// It succeeded once its run has got past the task, and failed once the task died again. What somebody discarded,
/// or whose run ended without it, was not ours to judge.
#[must_use]
pub fn outcome(look: &RedriveLook) -> Option<RedriveState> {
    match look.letter_status {
        None | Some(DeadLetterStatus::Discarded) => Some(RedriveState::Skipped),
        // The run has not taken it yet, or never will.
        Some(DeadLetterStatus::Open) => (!look.is_kept).then_some(RedriveState::Skipped),
        Some(DeadLetterStatus::Redriven) if look.died_again => Some(RedriveState::Failed),
        Some(DeadLetterStatus::Redriven) => match look.run_status {
            None | Some(Status::Cancelled) => Some(RedriveState::Skipped),
            Some(Status::Completed) => Some(RedriveState::Succeeded),
            Some(_) => {
                let state: RunState = serde_json::from_slice(look.state.as_ref()?).ok()?;
                let is_past = !state.frames.contains_key(&look.task);
                is_past.then_some(RedriveState::Succeeded)
            }
        },
    }
}

/// An input with a JSON merge patch (RFC 7396) applied.
#[must_use]
pub fn edited(mut input: Value, patch: &Value) -> Value {
    json_patch::merge(&mut input, patch);
    input
}

#[cfg(test)]
mod tests {
    use kintsugi_core::Timestamp;
    use serde_json::json;

    use super::*;

    fn look(letter: Option<DeadLetterStatus>, run: Option<Status>) -> RedriveLook {
        RedriveLook {
            n: 1,
            task: 3,
            letter_status: letter,
            is_kept: true,
            died_again: false,
            run_status: run,
            state: None,
        }
    }

    #[test]
    fn a_letter_is_decided_by_what_its_run_made_of_it() {
        let redriven = Some(DeadLetterStatus::Redriven);
        let open = look(Some(DeadLetterStatus::Open), Some(Status::Faulted));
        assert_eq!(outcome(&open), None);
        let forgotten = RedriveLook { is_kept: false, ..open };
        assert_eq!(outcome(&forgotten), Some(RedriveState::Skipped));
        assert_eq!(outcome(&look(None, None)), Some(RedriveState::Skipped));
        let completed = look(redriven, Some(Status::Completed));
        assert_eq!(outcome(&completed), Some(RedriveState::Succeeded));
        assert_eq!(outcome(&look(redriven, Some(Status::Running))), None, "not readable");
        let again = RedriveLook { died_again: true, ..look(redriven, Some(Status::Running)) };
        assert_eq!(outcome(&again), Some(RedriveState::Failed));
        let cancelled = look(redriven, Some(Status::Cancelled));
        assert_eq!(outcome(&cancelled), Some(RedriveState::Skipped));
        // Of a run without frames the task is over.
        let state = serde_json::to_vec(&RunState::new(json!({}), Timestamp(0))).unwrap();
        let past = RedriveLook { state: Some(state), ..look(redriven, Some(Status::Running)) };
        assert_eq!(outcome(&past), Some(RedriveState::Succeeded));
    }

    #[test]
    fn a_patch_replaces_adds_and_removes() {
        let input = json!({ "card": { "id": 7, "old": true }, "items": [1, 2] });
        let patch = json!({ "card": { "old": null, "kind": "visa" }, "items": [3] });
        let edited = edited(input, &patch);
        assert_eq!(edited, json!({ "card": { "id": 7, "kind": "visa" }, "items": [3] }));
    }
}
