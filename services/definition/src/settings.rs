//! What a document and an expression may cost, and what the door fills in.

use std::time::Duration;

/// Limits on documents and on the evaluation of expressions.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Size of a document. Default: 1 MiB.
    pub bytes_max: usize,
    /// How deep a document may nest. Default: 64.
    pub depth_max: usize,
    /// How many values a document may have, keys not counted. Default: 10,000.
    pub nodes_max: usize,
    /// How many tasks a document may have, with functions and extensions where they are used.
    /// Default: 10,000.
    pub tasks_max: usize,
    /// How many expressions a document may have. Default: 2,000.
    pub expressions_max: usize,
    /// Length of one expression in bytes. Default: 8 KiB.
    pub expression_bytes_max: usize,
    /// To how many resources outside itself a document may refer. Default: 32.
    pub resources_max: usize,
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
            bytes_max: 1 << 20,
            depth_max: 64,
            nodes_max: 10_000,
            tasks_max: 10_000,
            expressions_max: 2_000,
            expression_bytes_max: 8 << 10,
            resources_max: 32,
            steps_max: 200_000,
            busy_max: Duration::from_millis(if cfg!(debug_assertions) { 250 } else { 50 }),
            value_nodes_max: 1_000_000,
            string_bytes_max: 4 << 20,
        }
    }
}

/// How [`crate::compile`] treats a document.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a document may cost.
    pub limits: Limits,
    /// Namespace of a body that has no `document`. Default: `default`.
    pub namespace: String,
    /// Name of a body that has no `document`; without it such a body is refused.
    pub name: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: Limits::default(), namespace: "default".to_owned(), name: None }
    }
}
