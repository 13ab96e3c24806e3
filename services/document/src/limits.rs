//! What a document may cost.

/// Limits on a document.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Size of a document. Default: 1 MiB.
    pub bytes_max: usize,
    /// How deep a document may nest. Default: 64.
    pub depth_max: usize,
    /// How many values a document may have, keys not counted. Default: 100,000.
    pub nodes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 1 << 20, depth_max: 64, nodes_max: 100_000 }
    }
}
