//! Lengths of time: objects and ISO 8601 strings of the language, and short forms in metadata.

use kintsugi_arguments::inside;
use kintsugi_core::{Span, iso_millis, short_millis};

use super::Compiler;
use crate::Problem;
use crate::source::{Checks, Node, Tree};

const UNITS: [(&str, u64); 5] = [
    ("days", 86_400_000),
    ("hours", 3_600_000),
    ("minutes", 60_000),
    ("seconds", 1_000),
    ("milliseconds", 1),
];

/// A hundred years; what is longer is a slip.
const MILLIS_MAX: u64 = 36_525 * 86_400_000;

impl<'a> Compiler<'a> {
    /// A duration that may be an expression.
    pub(super) fn span(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<Span> {
        if let Some(code) = tree.as_str().and_then(inside) {
            return self.expression(code, tree.mark, pointer).map(Span::Expr);
        }
        self.millis(tree, pointer, what).map(Span::Millis)
    }

    /// A duration that is known now.
    pub(super) fn millis(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<u64> {
        match &tree.node {
            Node::String(text) if inside(text).is_some() => {
                let message = format!("{what} as an expression");
                self.unsupported(tree.mark, pointer, &message, "give a fixed duration");
                None
            }
            Node::String(text) => {
                let millis = iso_millis(text).filter(|millis| *millis <= MILLIS_MAX);
                if millis.is_none() {
                    self.invalid(tree, pointer, what);
                }
                millis
            }
            Node::Object(_) => self.units(tree, pointer, what),
            _ => {
                self.wrong_type(tree, pointer, what, "a duration");
                None
            }
        }
    }

    /// A duration in metadata: as in the language, or short as `5s` and `1h 30m`.
    pub(super) fn lenient(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<u64> {
        let short = tree.as_str().and_then(short_millis).filter(|millis| *millis <= MILLIS_MAX);
        short.or_else(|| self.millis(tree, pointer, what))
    }

    fn units(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<u64> {
        let known = UNITS.map(|(name, _)| name);
        let fields = self.fields(tree, pointer, what, &known)?;
        if fields.entries.is_empty() {
            self.invalid(tree, pointer, what);
            return None;
        }
        let mut sum = 0_u64;
        for (name, factor) in UNITS {
            if let Some((tree, pointer)) = fields.at(name) {
                let max = MILLIS_MAX / factor;
                sum += self.integer(tree, &pointer, &format!("`{name}`"), (0, max))? * factor;
            }
        }
        Some(sum.min(MILLIS_MAX))
    }

    fn invalid(&mut self, tree: &Tree, pointer: &str, what: &str) {
        let message = format!("{what} is not a duration");
        let hint =
            "write {seconds: 5} or an ISO 8601 duration without years and months: PT5S, P1DT12H";
        self.problem(Problem::new("invalid-duration", tree.mark, message).at(pointer).hint(hint));
    }
}
