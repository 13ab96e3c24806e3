//! What was counted.

use std::{collections::BTreeMap, fmt};

/// Figures of one seed, or of many.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Seeds.
    pub seeds: u64,
    /// Things that happened.
    pub events: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Runs that were accepted, children included.
    pub runs: u64,
    /// Attempts over all runs.
    pub attempts: u64,
    /// Attempts that were lost, and taken over.
    pub takeovers: u64,
    /// Results that were refused.
    pub refused: u64,
    /// Tasks that exhausted their policy.
    pub dead: u64,
    /// Batches that were refused, since another owns their partitions.
    pub fenced: u64,
    /// Batches that were refused, since a run has another version.
    pub conflicts: u64,
    /// What people did to runs by hand.
    pub steered: u64,
    /// What of it the run refused, since it had moved on meanwhile.
    pub steered_refused: u64,
    /// Permits of which runs were told.
    pub granted: u64,
    /// The most that held a permit of one key at a time.
    pub holders_max: u64,
    /// Events that runs emitted, and events that runs took.
    pub emitted: u64,
    /// The latter.
    pub heard: u64,
    /// Tasks of people that were answered.
    pub answered: u64,
    /// Runs that schedules started.
    pub due: u64,
    /// Inputs that nobody could take.
    pub rejected: u64,
    /// Repeats that the broker dropped.
    pub dropped: u64,
    /// Simulated time, in milliseconds.
    pub time_ms: u64,
    /// The longest from the end of all faults until every run had ended, with its seed.
    pub settled_ms: (u64, u64),
    /// Seeds in which something open had no owner for more than 5 s after the end of all faults.
    pub unowned: u64,
    /// The longest that something open had no owner after the end of all faults, with its seed.
    pub unowned_ms: (u64, u64),
}

impl Figures {
    /// Something broke.
    pub(crate) fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        for (kind, count) in &other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.runs += other.runs;
        self.attempts += other.attempts;
        self.takeovers += other.takeovers;
        self.refused += other.refused;
        self.dead += other.dead;
        self.fenced += other.fenced;
        self.conflicts += other.conflicts;
        self.steered += other.steered;
        self.steered_refused += other.steered_refused;
        self.granted += other.granted;
        self.holders_max = self.holders_max.max(other.holders_max);
        self.emitted += other.emitted;
        self.heard += other.heard;
        self.answered += other.answered;
        self.due += other.due;
        self.rejected += other.rejected;
        self.dropped += other.dropped;
        self.time_ms += other.time_ms;
        self.settled_ms = self.settled_ms.max(other.settled_ms);
        self.unowned += other.unowned;
        self.unowned_ms = self.unowned_ms.max(other.unowned_ms);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.time_ms / 1_000 / 3_600 / 24;
        writeln!(f, "seeds               {:>12}", self.seeds)?;
        writeln!(f, "events              {:>12}", self.events)?;
        writeln!(f, "simulated days      {days:>12}")?;
        writeln!(f, "runs                {:>12}", self.runs)?;
        writeln!(f, "attempts            {:>12}", self.attempts)?;
        writeln!(f, "takeovers           {:>12}", self.takeovers)?;
        writeln!(f, "results refused     {:>12}", self.refused)?;
        writeln!(f, "dead letters        {:>12}", self.dead)?;
        writeln!(f, "batches fenced      {:>12}", self.fenced)?;
        writeln!(f, "version conflicts   {:>12}", self.conflicts)?;
        writeln!(f, "steered by hand     {:>12}", self.steered)?;
        writeln!(f, "refused by the run  {:>12}", self.steered_refused)?;
        writeln!(f, "permits granted     {:>12}", self.granted)?;
        writeln!(f, "events emitted      {:>12}", self.emitted)?;
        writeln!(f, "events taken        {:>12}", self.heard)?;
        writeln!(f, "answers of people   {:>12}", self.answered)?;
        writeln!(f, "runs of schedules   {:>12}", self.due)?;
        writeln!(f, "inputs put aside    {:>12}", self.rejected)?;
        writeln!(f, "repeats dropped     {:>12}", self.dropped)?;
        for (kind, count) in &self.faults {
            writeln!(f, "{kind:<22}{count:>10}")?;
        }
        let (settled, at) = self.settled_ms;
        writeln!(f, "longest until all had ended    {settled:>7} ms (seed {at})")?;
        writeln!(f, "seeds with an owner missing for more than 5 s: {}", self.unowned)?;
        let (unowned, at) = self.unowned_ms;
        write!(f, "longest without an owner       {unowned:>7} ms (seed {at})")
    }
}
