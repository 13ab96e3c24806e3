//! Whatever may be asked by hand, at random.

use kintsugi_core::{Error, ErrorKind, Input, Steer, Steering};
use proptest::prelude::*;
use serde_json::json;

/// A request about one of the tasks below `tasks`, or about the run; `froms` are its own tasks.
pub(crate) fn any_steer(
    tasks: u64,
    froms: &'static [&'static str],
) -> impl Strategy<Value = Input> {
    let task = move || 1..tasks;
    let error = || Error::new(ErrorKind::Runtime, "/by-hand", "given up");
    let what = prop_oneof![
        3 => Just(Steering::Suspend { hold: None }),
        5 => Just(Steering::Resume),
        2 => task().prop_map(|task| Steering::Retry { task }),
        2 => task().prop_map(|task| Steering::Complete { task, output: json!({"hand": task}) }),
        1 => task().prop_map(move |task| Steering::Fail { task, error: error() }),
        1 => task().prop_map(|task| Steering::Skip { task, output: None }),
        2 => (0..froms.len(), any::<bool>()).prop_map(move |(index, given)| Steering::Rerun {
            from: froms[index].to_owned(),
            input: given.then(|| json!("anew")),
        }),
        1 => any::<bool>().prop_map(|merge| Steering::Variables { value: json!({"x": 1}), merge }),
        1 => Just(Steering::Terminate { abandon: false }),
    ];
    (what, 0..10_000_u32).prop_map(|(what, request)| {
        let request = format!("s{request}");
        Input::Steer(Steer { request, by: Some("ada".to_owned()), reason: None, what })
    })
}
