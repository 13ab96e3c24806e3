//! `metadata.kintsugi`: what the language has no words for.

use kintsugi_core::{Backoff, Quarantine, RetryPolicy, TaskPolicy, WhenExhausted};

use super::Compiler;
use crate::Problem;
use crate::names::is_task_type;
use crate::source::{Checks, Fields, Node, Tree};

/// The key under `metadata` that is ours.
const OURS: &str = "kintsugi";

/// What may be said of a task for workers: there, and in the registry of task types.
pub(super) const SETTINGS: [&str; 9] = [
    "queue",
    "retry",
    "start_to_close",
    "crashes_max",
    "quarantine",
    "when_exhausted",
    "lease",
    "concurrency",
    "priority",
];

/// What holds for a task that says nothing itself: `document.metadata.kintsugi`, on top of what the
/// registry says of its type.
#[derive(Clone)]
pub(super) struct Defaults {
    pub(super) queue: String,
    pub(super) policy: TaskPolicy,
    /// Whether these settings state a retry policy.
    pub(super) states_retry: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { queue: "default".to_owned(), policy: TaskPolicy::default(), states_retry: false }
    }
}

impl<'a> Compiler<'a> {
    /// The settings in `metadata`, on top of `base`. What is known `elsewhere` is read there.
    pub(super) fn settings(
        &mut self,
        metadata: Option<(&'a Tree, String)>,
        base: Defaults,
        elsewhere: &[&str],
    ) -> Defaults {
        let fields = metadata.and_then(|(tree, at)| self.object(tree, &at, "`metadata`"));
        let own = fields.and_then(|fields| fields.at(OURS));
        let known = [&SETTINGS, elsewhere].concat();
        let own = own.and_then(|(tree, at)| self.fields(tree, &at, "`metadata.kintsugi`", &known));
        let Some(own) = own else { return Defaults { states_retry: false, ..base } };
        let keys = own.entries.iter().filter(|entry| entry.key != "compensate");
        let keys: Vec<_> = keys.map(|entry| format!("`{}`", entry.key)).collect();
        if !keys.is_empty() {
            let keys = keys.join(", ");
            let message = format!("another runtime ignores {keys} of `metadata.kintsugi`");
            self.not_portable(own.mark, &own.pointer, message);
        }
        self.stated(&own, base)
    }

    /// The settings that `own` has, on top of `base`.
    pub(super) fn stated(&mut self, own: &Fields<'a>, base: Defaults) -> Defaults {
        let mut all = Defaults { states_retry: false, ..base };
        if let Some((tree, at)) = own.at("queue")
            && let Some(queue) = self.string(tree, &at, "`queue`")
        {
            if !is_task_type(queue) {
                let message = "a queue is 1 to 64 of `a-z 0-9 _ -`";
                self.problem(Problem::new("invalid-name", tree.mark, message).at(at));
            }
            queue.clone_into(&mut all.queue);
        }
        if let Some((tree, at)) = own.at("retry") {
            all.policy.retry = self.task_retry(tree, &at, all.policy.retry.clone());
            all.states_retry = true;
        }
        if let Some((tree, at)) = own.at("start_to_close") {
            let millis = self.lenient(tree, &at, "`start_to_close`");
            all.policy.start_to_close_ms = self.not_zero(millis, tree, &at, "`start_to_close`");
        }
        if let Some((tree, at)) = own.at("crashes_max") {
            let crashes = self.integer(tree, &at, "`crashes_max`", (1, 1_000));
            all.policy.crashes_max = crashes.and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
        }
        if let Some((tree, at)) = own.at("quarantine") {
            all.policy.quarantine = self.quarantine(tree, &at);
        }
        if let Some((tree, at)) = own.at("when_exhausted") {
            all.policy.when_exhausted = self.when_exhausted(tree, &at);
        }
        if let Some((tree, at)) = own.at("lease") {
            let millis = self.lenient(tree, &at, "`lease`");
            all.policy.lease_ms = Some(self.not_zero(millis, tree, &at, "`lease`"));
        }
        self.bound(own, &mut all.policy);
        all
    }

    /// A task that no worker executes has nothing to set.
    pub(super) fn metadata_of_no_call(&mut self, tree: &'a Tree, pointer: &str) {
        let fields = self.object(tree, pointer, "`metadata`");
        let Some(entry) = fields.as_ref().and_then(|fields| fields.entry(OURS)) else { return };
        // What undoes a task is said of any.
        if let Node::Object(entries) = &entry.value.node
            && entries.iter().all(|entry| entry.key == "compensate")
        {
            return;
        }
        let message = "`metadata.kintsugi` has no effect on a task that is not a call";
        let problem = Problem::new("no-effect", entry.mark, message);
        self.problem(problem.at(format!("{pointer}/{OURS}")).hint("put it on the calls inside"));
    }

    /// `quarantine: false`, `quarantine: 3` or `quarantine: {workers: 3, release: 1h}`.
    fn quarantine(&mut self, tree: &'a Tree, pointer: &str) -> Quarantine {
        let what = "`quarantine`";
        if matches!(tree.node, Node::Bool(false)) {
            return Quarantine { workers: 0, release_ms: None };
        }
        let mut own = Quarantine::default();
        if !matches!(tree.node, Node::Object(_)) {
            own.workers = self.victims(tree, pointer, what);
            return own;
        }
        let Some(fields) = self.fields(tree, pointer, what, &["release", "workers"]) else {
            return own;
        };
        if let Some((tree, at)) = fields.at("workers") {
            own.workers = self.victims(tree, &at, "`workers`");
        }
        if let Some((tree, at)) = fields.at("release") {
            let millis = self.lenient(tree, &at, "`release`");
            own.release_ms = Some(self.not_zero(millis, tree, &at, "`release`"));
        }
        own
    }

    /// More than the state remembers attempts would never be reached.
    fn victims(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> u32 {
        let workers = self.integer(tree, pointer, what, (1, 20));
        workers.and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
    }

    fn when_exhausted(&mut self, tree: &'a Tree, pointer: &str) -> WhenExhausted {
        match tree.as_str() {
            Some("fault") => WhenExhausted::Fault,
            Some("park") => WhenExhausted::Park,
            _ => {
                let message = "`when_exhausted` is `fault` or `park`";
                self.problem(Problem::new("invalid-value", tree.mark, message).at(pointer));
                WhenExhausted::Fault
            }
        }
    }

    fn not_zero(&mut self, millis: Option<u64>, tree: &Tree, pointer: &str, what: &str) -> u64 {
        if millis == Some(0) {
            let message = format!("{what} must be longer than 0");
            self.problem(Problem::new("out-of-range", tree.mark, message).at(pointer));
        }
        millis.unwrap_or(1).max(1)
    }

    fn task_retry(&mut self, tree: &'a Tree, pointer: &str, base: RetryPolicy) -> RetryPolicy {
        let known = [
            "initial_interval",
            "backoff",
            "backoff_coefficient",
            "maximum_interval",
            "maximum_attempts",
            "total",
            "jitter",
        ];
        let Some(fields) = self.fields(tree, pointer, "`retry`", &known) else { return base };
        let mut policy = base;
        if let Some((tree, at)) = fields.at("initial_interval") {
            policy.initial_interval_ms =
                self.lenient(tree, &at, "`initial_interval`").unwrap_or_default();
        }
        if let Some((tree, at)) = fields.at("maximum_interval") {
            policy.maximum_interval_ms =
                self.lenient(tree, &at, "`maximum_interval`").unwrap_or_default();
        }
        if let Some((tree, at)) = fields.at("maximum_attempts") {
            let most = u64::from(u32::MAX);
            let attempts = self.integer(tree, &at, "`maximum_attempts`", (1, most));
            policy.maximum_attempts = attempts.and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
        }
        if let Some((tree, at)) = fields.at("total") {
            policy.total_ms = self.lenient(tree, &at, "`total`");
        }
        if let Some((tree, at)) = fields.at("jitter") {
            policy.jitter = self.number(tree, &at, "`jitter`", (0.0, 1.0)).unwrap_or_default();
        }
        let named = fields.at("backoff").map(|(tree, at)| (self.backoff_name(tree, &at), at));
        let coefficient = self.factor(&fields, "backoff_coefficient");
        policy.backoff = match (&named, policy.backoff) {
            (Some((Some("constant"), _)), _) => Backoff::Constant,
            (Some((Some("linear"), _)), _) => Backoff::Linear,
            (None, inherited) if fields.entry("backoff_coefficient").is_none() => inherited,
            _ => Backoff::Exponential { coefficient },
        };
        if let Some(entry) = fields.entry("backoff_coefficient")
            && !matches!(policy.backoff, Backoff::Exponential { .. })
        {
            let message = "`backoff_coefficient` has no effect on this `backoff`";
            let problem = Problem::new("no-effect", entry.mark, message);
            self.problem(problem.at(fields.path(&entry.key)).hint("use `backoff: exponential`"));
        }
        if policy.maximum_interval_ms < policy.initial_interval_ms {
            let message = "`maximum_interval` is shorter than `initial_interval`";
            self.problem(Problem::new("out-of-range", tree.mark, message).at(pointer));
        }
        policy
    }

    fn backoff_name(&mut self, tree: &'a Tree, pointer: &str) -> Option<&'a str> {
        if let Node::String(name) = &tree.node
            && ["constant", "linear", "exponential"].contains(&name.as_str())
        {
            return Some(name);
        }
        let message = "`backoff` is `constant`, `linear` or `exponential`";
        self.problem(Problem::new("invalid-value", tree.mark, message).at(pointer));
        None
    }
}
