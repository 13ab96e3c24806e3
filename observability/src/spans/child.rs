//! Spans of tasks that run other workflows. The child's own span names this one as its parent, so
//! that parent and children are one trace.

use kintsugi_core::{ChildEvent, Timestamp};

use super::{
    Maker,
    text::{last_segment, number, set_error, text, text_of},
};
use crate::{SpanKind, context::span_id, field, index::Child};

/// A task starts one child.
const EPOCH: u64 = 1;

impl Maker<'_> {
    pub(super) fn child(&mut self, event: &ChildEvent, at: Timestamp) {
        match event {
            ChildEvent::Started { task, pointer, run, definition, awaited } => {
                let (pointer, run, definition) = (pointer.clone(), run.clone(), definition.clone());
                self.index.children.insert(*task, Child { at, pointer, run, definition });
                if !*awaited {
                    self.child_over(*task, at, "started", None);
                }
            }
            ChildEvent::Completed { task, .. } => self.child_over(*task, at, "completed", None),
            ChildEvent::Failed { task, error, .. } => {
                let error = Some((last_segment(&error.kind), text_of(error)));
                self.child_over(*task, at, "failed", error);
            }
            ChildEvent::Cancelled { task, .. } => self.child_over(*task, at, "cancelled", None),
            ChildEvent::Resumed { .. } => {
                if self.index.is_over {
                    self.index.is_over = false;
                    self.index.lives += 1;
                    self.index.revived_at = at;
                }
            }
        }
    }

    pub(super) fn child_over(
        &mut self,
        task: u64,
        at: Timestamp,
        outcome: &'static str,
        error: Option<(&str, String)>,
    ) {
        let Some(child) = self.index.children.remove(&task) else { return };
        let name = child.definition.split_once(':').map_or("", |(name, _)| name);
        let id = span_id(self.subject.run, task, EPOCH);
        let mut span = self.span(id, &format!("start {name}"), child.at, at);
        span.kind = SpanKind::Producer;
        span.attributes.extend([
            (field::TASK_ID, format!("{}:{task}", self.subject.run).into()),
            (field::TASK_EPOCH, number(EPOCH)),
            (field::TASK_POINTER, text(&child.pointer)),
            (field::CHILD_RUN_ID, text(child.run.as_str())),
            (field::DEFINITION, text(&child.definition)),
            (field::ATTEMPT_OUTCOME, text(outcome)),
        ]);
        if let Some((kind, message)) = error {
            set_error(&mut span, at, kind, &message);
        }
        self.spans.push(span);
    }
}
