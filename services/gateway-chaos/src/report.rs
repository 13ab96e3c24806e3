//! What `kintsugi chaos --json` wrote, as the API says it.

use std::collections::BTreeMap;

use kintsugi_gateway_ops::types::{
    ChaosBreach, ChaosBroken, ChaosFault, ChaosRecovery, ChaosVerdict,
};
use serde::Deserialize;

/// Breaches that are shown in words.
const BREACHES_MAX: usize = 20;

/// The report, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    windows: u64,
    under_load_seconds: f64,
    kinds: BTreeMap<String, Kind>,
    recovery: ChaosRecovery,
    revived: u64,
    messages_harmed: u64,
    verdict: Verdict,
    broken: BTreeMap<u8, u64>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    done: u64,
    not_done: u64,
    #[serde(flatten)]
    recovery: ChaosRecovery,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    accepted: u64,
    definitions: BTreeMap<String, BTreeMap<String, u64>>,
    lost: u64,
    run_twice: u64,
    results_twice: u64,
    over_policy: u64,
    both: u64,
    wrong: u64,
    breaches: Vec<ChaosBreach>,
}

/// Reads a report.
pub(crate) fn read(text: &[u8]) -> Result<Report, serde_json::Error> {
    serde_json::from_slice(text)
}

impl Report {
    /// What is shown of it; `kept` is what the exit code says.
    pub(crate) fn with(self, kept: bool) -> ChaosVerdict {
        let Verdict { definitions, mut breaches, .. } = self.verdict;
        breaches.truncate(BREACHES_MAX);
        let completed = definitions.values().filter_map(|by_status| by_status.get("completed"));
        let faults = self.kinds.into_iter().map(|(fault, kind)| {
            let Kind { done, not_done, recovery } = kind;
            ChaosFault { fault, done, not_done, recovery }
        });
        let broken = self.broken.into_iter();
        ChaosVerdict {
            kept,
            windows: self.windows,
            under_load_seconds: self.under_load_seconds,
            accepted: self.verdict.accepted,
            completed: completed.sum(),
            lost: self.verdict.lost,
            run_twice: self.verdict.run_twice,
            results_twice: self.verdict.results_twice,
            over_policy: self.verdict.over_policy,
            both: self.verdict.both,
            wrong: self.verdict.wrong,
            recovery: self.recovery,
            faults: faults.collect(),
            broken: broken.map(|(promise, times)| ChaosBroken { promise, times }).collect(),
            breaches,
            revived: self.revived,
            messages_harmed: self.messages_harmed,
        }
    }
}

#[cfg(test)]
mod tests {
    use kintsugi_chaos::{Recovery, Shape, Summary};

    use super::*;

    #[test]
    fn what_the_command_writes_can_be_read() {
        let recovery = Recovery { p50_ms: 250, p99_ms: 4_540, max_ms: 4_600, never: 0 };
        let definitions =
            [("load/steps:1.0.0", "completed", 4), ("load/waits:1.0.0", "cancelled", 2)];
        let definitions = definitions.map(|(name, status, count)| {
            (name.to_owned(), BTreeMap::from([(status.to_owned(), count)]))
        });
        let verdict = kintsugi_trial::Verdict {
            accepted: 6,
            lost: 1,
            definitions: definitions.into(),
            breaches: vec![kintsugi_trial::Breach { promise: 1, what: "r is gone".to_owned() }],
            ..kintsugi_trial::Verdict::default()
        };
        let report = kintsugi_chaos::Report {
            seed: 7,
            shape: Shape::Dev,
            windows: 1,
            under_load_seconds: 10.0,
            faults: Vec::new(),
            kinds: [("kill", Summary { done: 2, not_done: 1, recovery })].into(),
            recovery,
            revived: 3,
            messages_harmed: 4,
            verdict,
            broken: [(1, 1)].into(),
        };
        let read = read(&serde_json::to_vec(&report).unwrap()).unwrap().with(false);
        assert_eq!((read.accepted, read.completed, read.lost, read.kept), (6, 4, 1, false));
        assert_eq!((read.recovery.p50_ms, read.recovery.p99_ms), (250, 4_540));
        assert_eq!((&*read.faults[0].fault, read.faults[0].done), ("kill", 2));
        assert_eq!((read.broken[0].promise, read.broken[0].times), (1, 1));
        assert_eq!(read.breaches[0].what, "r is gone");
    }
}
