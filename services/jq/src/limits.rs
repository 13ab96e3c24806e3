//! What one evaluation may cost.

use std::time::Duration;

/// Limits on the evaluation of one expression.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Steps of one evaluation. 200,000 simple steps take about 30 ms. Default: 200,000.
    pub steps_max: u64,
    /// How long one evaluation may be busy. The clock is read every few steps, and a long gap
    /// between two readings, in which the thread probably did not run, counts little; with such
    /// gaps, ten times this limit ends it. Default: 50 ms; 250 ms where the engine itself is built
    /// without optimisation, and several times as slow.
    pub busy_max: Duration,
    /// How many values, strings' KiB included, a value within an evaluation may consist of.
    /// Default: 1,000,000.
    pub value_nodes_max: usize,
    /// Bytes of a string within an evaluation. Default: 4 MiB.
    pub string_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps_max: 200_000,
            busy_max: Duration::from_millis(if cfg!(debug_assertions) { 250 } else { 50 }),
            value_nodes_max: 1_000_000,
            string_bytes_max: 4 << 20,
        }
    }
}
