//! `concurrency` and `priority` in `metadata.kintsugi`.

use kintsugi_core::{Bound, TaskPolicy};

use super::Compiler;
use crate::Problem;
use crate::source::{Checks, Fields, Node, Tree};

/// The most that may be given out at a time: beyond it is no bound.
const LIMIT_MAX: u64 = 1_000_000;

/// The highest priority.
const PRIORITY_MAX: u64 = 9;

impl<'a> Compiler<'a> {
    /// `concurrency: 5` or `concurrency: {limit: 5, key: …}`, and `priority` of those that wait.
    pub(super) fn bound(&mut self, own: &Fields<'a>, policy: &mut TaskPolicy) {
        if let Some((tree, at)) = own.at("concurrency") {
            let priority = policy.bound.as_ref().map_or(0, |bound| bound.priority);
            policy.bound = self.concurrency(tree, &at).map(|bound| Bound { priority, ..bound });
        }
        let Some((tree, at)) = own.at("priority") else { return };
        let Some(priority) = self.integer(tree, &at, "`priority`", (0, PRIORITY_MAX)) else {
            return;
        };
        match &mut policy.bound {
            Some(bound) => bound.priority = u8::try_from(priority).unwrap_or(u8::MAX),
            None => {
                let message = "`priority` has no effect without `concurrency`";
                let hint = "it orders tasks that wait since only so many are given out at a time; \
                            for workers of their own, use another `queue`";
                self.problem(Problem::new("no-effect", tree.mark, message).at(at).hint(hint));
            }
        }
    }

    fn concurrency(&mut self, tree: &'a Tree, pointer: &str) -> Option<Bound> {
        let what = "`concurrency`";
        if !matches!(tree.node, Node::Object(_)) {
            let limit = self.integer(tree, pointer, what, (1, LIMIT_MAX))?;
            return Some(Bound { key: None, limit: u32::try_from(limit).ok()?, priority: 0 });
        }
        let fields = self.fields(tree, pointer, what, &["key", "limit"])?;
        let (limit, at) = self.required(&fields, "limit", what)?;
        let limit = self.integer(limit, &at, "`limit`", (1, LIMIT_MAX))?;
        let key = fields.at("key").map(|(tree, at)| self.template(tree, &at));
        Some(Bound { key, limit: u32::try_from(limit).ok()?, priority: 0 })
    }
}
