//! Rows of the table, and what several measurements of one thing say together.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::processes::{Memory, Used};

/// A row of the table. A figure that was not measured is absent; none is ever filled in.
///
/// The first seven fields are a contract with scripts. Further ones may come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) work: String,
    pub(crate) store: String,
    /// Median over the repeats.
    pub(crate) steps_per_s: Option<f64>,
    /// Median over the repeats.
    pub(crate) runs_per_s: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// Busy CPU seconds of the whole machine: engine, broker, database, worker, load, the kernel's
    /// own threads, and strangers where there are any.
    pub(crate) cpu_s_per_1000_steps: Option<f64>,

    /// The slowest and the fastest repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) steps_per_s_spread: Option<[f64; 2]>,
    /// The slowest and the fastest repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) runs_per_s_spread: Option<[f64; 2]>,
    /// In the first and in the last tenth of one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) steps_per_s_tenths: Option<[f64; 2]>,
    /// How many times it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) repeats: Option<usize>,
    /// How many durations the quantiles rest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) samples: Option<usize>,
    /// The longest duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_ms: Option<f64>,
    /// Runs a second that were started whatever the engine did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arrivals_per_s: Option<f64>,
    /// Transactions a second of the database, the benchmark's own apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) transactions_per_s: Option<f64>,
    /// CPU seconds per 1,000 steps by process. Their sum is `cpu_s_per_1000_steps` without
    /// kernel threads and strangers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) cpu_by_process: BTreeMap<String, f64>,
    /// Percent of one core by process, where nothing is to do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) cpu_percent_by_process: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) memory_by_process: BTreeMap<String, Memory>,
    /// What a run leaves on disk, or has written to it, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) bytes_per_run: BTreeMap<String, f64>,
    /// What grows in this series of rows, and how large it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grown: Option<(String, f64)>,
    /// How it was measured, and what is missing and why.
    pub(crate) note: String,
}

impl Row {
    pub(crate) fn new(work: impl Into<String>, store: &str) -> Self {
        Self { work: work.into(), store: store.to_owned(), ..Self::default() }
    }

    /// With the quantiles of `taken`.
    ///
    /// # Panics
    ///
    /// When there is nothing to take them of.
    pub(crate) fn with_durations(mut self, mut taken: Vec<Duration>) -> Self {
        taken.sort();
        self.p50_ms = Some(quantile(&taken, 0.5));
        self.p99_ms = Some(quantile(&taken, 0.99));
        self.max_ms = Some(quantile(&taken, 1.0));
        self.samples = Some(taken.len());
        self
    }

    /// With the CPU that `steps` steps took.
    pub(crate) fn with_cpu(mut self, used: &Used, steps: usize) -> Self {
        assert!(steps > 0 && used.machine > 0.0, "{}: nothing was done", self.work);
        let each = |seconds: f64| seconds / steps as f64 * 1000.0;
        self.cpu_s_per_1000_steps = Some(each(used.machine));
        self.cpu_by_process =
            used.cpu.iter().map(|(name, cpu)| (name.clone(), each(*cpu))).collect();
        self
    }

    /// CPU seconds per 1,000 steps that no process of the benchmark used: kernel threads (among
    /// them those that write to the disk) and strangers.
    pub(crate) fn cpu_others(&self) -> Option<f64> {
        if self.cpu_by_process.is_empty() {
            return None;
        }
        Some(self.cpu_s_per_1000_steps? - self.cpu_by_process.values().sum::<f64>())
    }
}

/// The smallest duration that `part` of all do not exceed, in milliseconds.
fn quantile(sorted: &[Duration], part: f64) -> f64 {
    assert!(!sorted.is_empty(), "nothing was measured");
    let index = ((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len()) - 1;
    sorted[index].as_secs_f64() * 1000.0
}

/// The middle of several measurements, and the least and the greatest.
///
/// # Panics
///
/// When there is none, or one that cannot be.
pub(crate) fn median(mut values: Vec<f64>) -> (f64, [f64; 2]) {
    assert!(!values.is_empty(), "nothing was measured");
    assert!(values.iter().all(|value| value.is_finite() && *value > 0.0), "{values:?}");
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    (f64::midpoint(low, high), [values[0], values[values.len() - 1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_measured_values() {
        let taken = (1..=100).rev().map(Duration::from_millis).collect();
        let row = Row::new("x", "y").with_durations(taken);
        assert_eq!((row.p50_ms, row.p99_ms, row.max_ms), (Some(50.0), Some(99.0), Some(100.0)));
        let one = Row::new("x", "y").with_durations(vec![Duration::from_millis(7)]);
        assert_eq!((one.p50_ms, one.p99_ms), (Some(7.0), Some(7.0)));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), (2.0, [1.0, 3.0]));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), (2.5, [1.0, 4.0]));
    }

    #[test]
    #[should_panic(expected = "nothing was measured")]
    fn nothing_measured_is_no_figure() {
        let _ = Row::new("x", "y").with_durations(Vec::new());
    }

    #[test]
    fn the_contract_with_scripts_holds() {
        let row = serde_json::to_value(Row::new("W1", "sqlite")).unwrap();
        for name in [
            "work",
            "store",
            "steps_per_s",
            "runs_per_s",
            "p50_ms",
            "p99_ms",
            "cpu_s_per_1000_steps",
        ] {
            assert!(row.get(name).is_some(), "{name}");
        }
    }
}
