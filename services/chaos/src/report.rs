//! What was done, and what came of it.

use std::{collections::BTreeMap, fmt, time::Duration};

use kintsugi_trial::Verdict;
use serde::Serialize;

use crate::{Fault, Shape};

/// Everything that is known in the end.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The same one does the same again.
    pub seed: u64,
    /// The shape of the engine.
    pub shape: Shape,
    /// Windows that were gone through.
    pub windows: usize,
    /// Seconds under load and faults; draining and checking come on top.
    pub under_load_seconds: f64,
    /// What was done, in order.
    pub faults: Vec<Done>,
    /// The same by kind.
    pub kinds: BTreeMap<&'static str, Summary>,
    /// From a fault to the first completed run that was started after it, over all faults.
    pub recovery: Recovery,
    /// Processes that ended by themselves, and were started again.
    pub revived: usize,
    /// Messages that were lost, doubled or held up on their way.
    pub messages_harmed: usize,
    /// What the engine made of it.
    pub verdict: Verdict,
    /// Breaches, by the number of the promise.
    pub broken: BTreeMap<u8, usize>,
}

/// A fault that was done.
#[derive(Clone, Debug, Serialize)]
pub struct Done {
    /// The window, from 1.
    pub window: usize,
    /// Milliseconds since the window began.
    pub at_ms: u64,
    /// What it was.
    #[serde(flatten)]
    pub fault: Fault,
    /// Milliseconds from its begin to the end of the first run that was started after it; none: that
    /// did not complete.
    pub recovery_ms: Option<u64>,
    /// Why it could not be done; none: it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_done: Option<String>,
}

/// Faults of one kind.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Summary {
    /// How many were done.
    pub done: usize,
    /// How many could not be done.
    pub not_done: usize,
    /// How long they took to recover from.
    #[serde(flatten)]
    pub recovery: Recovery,
}

/// Times of recovery.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Recovery {
    /// Half of them took no longer, in milliseconds.
    pub p50_ms: u64,
    /// 99 of 100 took no longer, in milliseconds.
    pub p99_ms: u64,
    /// The longest, in milliseconds.
    pub max_ms: u64,
    /// Faults after which the run that was started did not complete in time.
    pub never: usize,
}

impl Recovery {
    /// Of faults that were done.
    #[must_use]
    pub fn of<'d>(done: impl Iterator<Item = &'d Done> + Clone) -> Self {
        let done = done.filter(|one| one.not_done.is_none());
        let mut times: Vec<u64> = done.clone().filter_map(|one| one.recovery_ms).collect();
        times.sort_unstable();
        // The nearest rank: no time is said that was not measured.
        let at = |part: usize| {
            let rank = (times.len() * part).div_ceil(100).max(1);
            times.get(rank - 1).copied().unwrap_or(0)
        };
        let never = done.filter(|one| one.recovery_ms.is_none()).count();
        Self { p50_ms: at(50), p99_ms: at(99), max_ms: at(100), never }
    }
}

/// Faults by kind.
#[must_use]
pub(crate) fn kinds(done: &[Done]) -> BTreeMap<&'static str, Summary> {
    let mut all: BTreeMap<&'static str, Summary> = BTreeMap::new();
    for one in done {
        let summary = all.entry(one.fault.kind().name()).or_default();
        *(if one.not_done.is_none() { &mut summary.done } else { &mut summary.not_done }) += 1;
    }
    for (name, summary) in &mut all {
        summary.recovery = Recovery::of(done.iter().filter(|one| one.fault.kind().name() == *name));
    }
    all
}

impl Report {
    /// Whether every promise was kept, nothing was lost, and the engine came back each time.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.verdict.is_kept() && self.recovery.never == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = self.faults.iter().filter(|one| one.not_done.is_none()).count();
        writeln!(
            f,
            "seed {}, shape {}: {done} faults in {} windows, {} under load",
            self.seed,
            self.shape.name(),
            self.windows,
            seconds(Duration::from_secs_f64(self.under_load_seconds)),
        )?;
        writeln!(f, "{:<20} {:>6} {:>10} {:>10} {:>10}", "fault", "done", "p50", "p99", "longest")?;
        for (name, summary) in &self.kinds {
            line(f, name, summary.done, &summary.recovery)?;
            if summary.not_done > 0 {
                writeln!(f, "{:<20} {:>6} could not be done", "", summary.not_done)?;
            }
        }
        line(f, "recovery, all", done, &self.recovery)?;
        if self.recovery.never > 0 {
            writeln!(f, "after {} faults the next run did not complete", self.recovery.never)?;
        }
        writeln!(
            f,
            "{} messages harmed on their way; {} processes ended by themselves and were started again",
            self.messages_harmed, self.revived,
        )?;
        writeln!(f, "{}", self.verdict)?;
        for (promise, count) in &self.broken {
            writeln!(f, "P{promise} broken {count} times")?;
        }
        for one in self.faults.iter().filter(|one| one.not_done.is_some()).take(20) {
            let why = one.not_done.as_deref().unwrap_or_default();
            writeln!(f, "not done: {} in window {}: {why}", one.fault, one.window)?;
        }
        let verdict =
            if self.holds() { "every promise was kept" } else { "NOT every promise was kept" };
        write!(f, "{verdict}")
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, done: usize, recovery: &Recovery) -> fmt::Result {
    let [p50, p99, max] = [recovery.p50_ms, recovery.p99_ms, recovery.max_ms]
        .map(|ms| seconds(Duration::from_millis(ms)));
    writeln!(f, "{name:<20} {done:>6} {p50:>10} {p99:>10} {max:>10}")
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(recovery_ms: Option<u64>, not_done: Option<&str>) -> Done {
        let not_done = not_done.map(str::to_owned);
        Done { window: 1, at_ms: 0, fault: Fault::KillAll, recovery_ms, not_done }
    }

    #[test]
    fn times_are_those_that_were_measured() {
        let mut all: Vec<Done> = (1..=200).rev().map(|ms| done(Some(ms), None)).collect();
        all.push(done(None, None));
        all.push(done(None, Some("no broker")));
        let found = Recovery::of(all.iter());
        assert_eq!((found.p50_ms, found.p99_ms, found.max_ms, found.never), (100, 198, 200, 1));
        let kinds = kinds(&all);
        assert_eq!((kinds["kill-all"].done, kinds["kill-all"].not_done), (201, 1));
        assert_eq!(Recovery::of([].iter()).max_ms, 0);
    }
    #[test]
    fn what_was_lost_or_did_not_come_back_is_no_good_report() {
        let report = |verdict: Verdict, done: Vec<Done>| Report {
            seed: 1,
            shape: Shape::Dev,
            windows: 1,
            under_load_seconds: 1.0,
            kinds: kinds(&done),
            recovery: Recovery::of(done.iter()),
            faults: done,
            revived: 0,
            messages_harmed: 0,
            verdict,
            broken: BTreeMap::new(),
        };
        let lost = Verdict { lost: 1, ..Verdict::default() };
        let bad = report(lost, Vec::new());
        assert!(!bad.holds() && bad.to_string().ends_with("NOT every promise was kept"));
        assert!(!report(Verdict::default(), vec![done(None, None)]).holds());
        let good = report(Verdict::default(), vec![done(Some(1), None)]);
        assert!(good.holds() && good.to_string().ends_with("every promise was kept"));
    }
}
