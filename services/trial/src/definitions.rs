//! What is started, and how it must end.

use kintsugi_core::Status;
use serde_json::{Value, json};

/// The namespace of the built-in definitions.
pub(crate) const NAMESPACE: &str = "load";

/// What is done about a run once it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Nothing.
    Watch,
    /// It is cancelled.
    Cancel,
    /// It is sent the event that it listens for.
    Signal,
}

/// A definition that runs are started of.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// `namespace/name:version`.
    pub(crate) reference: String,
    /// It is one of ours.
    pub(crate) is_own: bool,
    pub(crate) deed: Deed,
}

impl Subject {
    /// The one that is registered as `reference`.
    pub(crate) fn new(reference: String, is_own: bool) -> Self {
        let deed = match reference.as_str() {
            "load/waits:1.0.0" if is_own => Deed::Cancel,
            "load/events:1.0.0" if is_own => Deed::Signal,
            _ => Deed::Watch,
        };
        Self { reference, is_own, deed }
    }

    /// Its namespace.
    pub(crate) fn namespace(&self) -> &str {
        self.reference.split('/').next().unwrap_or_default()
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        name(&self.reference)
    }

    /// What its runs get: the built-in ones a number of their own, so that no event or answer of another
    /// run is taken for theirs.
    pub(crate) fn input(&self, run: &str) -> Value {
        if self.is_own { json!({ "order": run }) } else { json!({}) }
    }
}

/// The name in `namespace/name:version`.
pub(crate) fn name(reference: &str) -> &str {
    let behind = reference.split_once('/').map_or(reference, |(_, behind)| behind);
    behind.split_once(':').map_or(behind, |(name, _)| name)
}

/// The built-in ones; what another starts is before it.
pub(crate) const BUILT_IN: [&str; 14] = [
    include_str!("../definitions/steps.yaml"),
    include_str!("../definitions/forks.yaml"),
    include_str!("../definitions/loops.yaml"),
    include_str!("../definitions/tries.yaml"),
    include_str!("../definitions/ledgers.yaml"),
    include_str!("../definitions/parks.yaml"),
    include_str!("../definitions/faults.yaml"),
    include_str!("../definitions/waits.yaml"),
    include_str!("../definitions/child.yaml"),
    include_str!("../definitions/parents.yaml"),
    include_str!("../definitions/events.yaml"),
    include_str!("../definitions/people.yaml"),
    include_str!("../definitions/permits.yaml"),
    include_str!("../definitions/timers.yaml"),
];

/// The one that only others start.
pub(crate) const CHILD: &str = "load/child:1.0.0";

/// Whether a run of the built-in definition `name` may end so; `order` is its root's id.
pub(crate) fn fits(name: &str, order: &str, status: Status, output: Option<&Value>) -> bool {
    let is = |wanted: Value| status == Status::Completed && output == Some(&wanted);
    match name {
        "steps" => is(json!({ "done": true })),
        "forks" => is(json!("fast")) || is(json!("slow")),
        "loops" => is(json!(3)),
        "tries" => is(json!({ "tries": 3 })),
        "ledgers" => {
            status == Status::Completed && output.is_some_and(|output| output["token"].is_string())
        }
        "parks" => is(json!("mended")),
        "faults" => status == Status::Faulted || is(json!(["mended", "good"])),
        "waits" => status == Status::Cancelled,
        "child" => is(json!({ "child": order })),
        "parents" | "permits" => is(json!({ "order": order })),
        "events" => is(json!({ "heard": order, "answered": order })),
        "people" => is(json!({ "ok": true })),
        "timers" => is(json!({ "late": true })),
        // Somebody else's in our namespace.
        _ => true,
    }
}
