//! `document.metadata.kintsugi.on_cancel`: what a run does that is asked to end.

use kintsugi_core::OnCancel;

use super::Compiler;
use crate::Problem;
use crate::source::{Checks, Fields, Node, Tree};

/// How long attempts that are out may still bring their results, in milliseconds. A worker that is told
/// to stop has as long.
const GRACE_MS: u64 = 10_000;

/// How long tidying up may take, in milliseconds.
const TIMEOUT_MS: u64 = 300_000;

impl<'a> Compiler<'a> {
    pub(super) fn on_cancel(&mut self) -> Option<OnCancel> {
        let (mut tree, mut at): (&'a Tree, String) = self.metadata.clone()?;
        for key in ["kintsugi", "on_cancel"] {
            let Node::Object(entries) = &tree.node else { return None };
            let fields = Fields { entries, mark: tree.mark, pointer: at };
            (tree, at) = fields.at(key)?;
        }
        let what = "`on_cancel`";
        let fields = self.fields(tree, &at, what, &["do", "grace", "timeout"])?;
        let mut grace_ms = GRACE_MS;
        if let Some((tree, at)) = fields.at("grace") {
            grace_ms = self.lenient(tree, &at, "`grace`").unwrap_or(GRACE_MS);
        }
        let mut timeout_ms = TIMEOUT_MS;
        if let Some((tree, at)) = fields.at("timeout") {
            timeout_ms = self.lenient(tree, &at, "`timeout`").unwrap_or(TIMEOUT_MS);
            if timeout_ms == 0 {
                let message = "`timeout` must be longer than 0";
                self.problem(Problem::new("out-of-range", tree.mark, message).at(at));
            }
        }
        let (list, list_at) = self.required(&fields, "do", what)?;
        let body = self.list(list, &list_at, "`on_cancel.do`");
        Some(OnCancel { body, grace_ms, timeout_ms })
    }
}
