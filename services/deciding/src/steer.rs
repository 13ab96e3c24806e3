//! Steering by hand: requests that are done with.

use kintsugi_core::{Input, RunId, Steer};

/// The requests among what a run is told, as the store knows them.
pub(crate) fn asked(run: &RunId, inputs: &[Input]) -> Vec<String> {
    let asked = inputs.iter().filter_map(|input| match input {
        Input::Steer(steer) => Some(steer.key(run)),
        _ => None,
    });
    asked.collect()
}

/// Nothing of a run is written after all: what was asked of it stays.
pub(crate) fn untouched(run: &RunId, taken: &mut Vec<String>) {
    let own = Steer::keys(run);
    taken.retain(|id| !id.starts_with(&own));
}
