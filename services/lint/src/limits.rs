//! Limits that another limit makes pointless.

use kintsugi_core::{Kind, NodeId, Span};

use crate::Lint;

impl Lint<'_> {
    pub(crate) fn millis(&self, span: Option<Span>) -> Option<u64> {
        match span {
            Some(Span::Millis(millis)) => Some(millis),
            _ => None,
        }
    }

    /// Looks at tasks that must be done within `limit`.
    pub(crate) fn limits(&mut self, tasks: &[NodeId], limit: Option<u64>) {
        for id in tasks {
            let (Some(node), Some(place)) = (self.node(*id), self.place(*id)) else { continue };
            let own = self.millis(node.timeout);
            let name = &node.name;
            if let (Some(own), Some(limit)) = (own, limit)
                && own > limit
            {
                let message = format!(
                    "the timeout of the task `{name}` never passes: what is around it has {}",
                    shown(limit)
                );
                self.warn("timeout-exceeds-parent", place, message, "make it shorter");
            }
            let limit = own.into_iter().chain(limit).min();
            if let (Kind::Wait(Span::Millis(wait)), Some(limit)) = (&node.kind, limit)
                && *wait > limit
            {
                let message = format!(
                    "the task `{name}` waits {}, but has a timeout of {}",
                    shown(*wait),
                    shown(limit)
                );
                self.warn("wait-exceeds-timeout", place, message, "it always times out");
            }
            let below = self.children(node);
            self.limits(&below, limit);
        }
    }
}

/// A length of time in its largest units.
fn shown(millis: u64) -> String {
    let mut left = millis;
    let mut text = String::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if left >= size {
            text.push_str(&format!("{}{unit} ", left / size));
            left %= size;
        }
    }
    if left > 0 || text.is_empty() {
        text.push_str(&format!("{left}ms"));
    }
    text.trim_end().to_owned()
}
