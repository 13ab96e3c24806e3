//! Branches that run side by side.

use serde_json::{Map, Value};

use super::{Machine, Op, scope::context_of, watch::End};
use crate::{Body, Branched, Error, Frame, Kind, NodeId, Work};

impl Machine<'_> {
    /// Opens each branch.
    pub(super) fn fork(&mut self, number: u64, branches: &[NodeId], input: &Value) {
        if branches.is_empty() {
            return self.end_scope(number, Value::Array(Vec::new()), None);
        }
        for (node, index) in branches.iter().zip(0..) {
            let branch = self.open(Some(number), Body::Branch { index });
            let op = Op::Enter { parent: branch, node: *node, input: input.clone() };
            self.queue.push_back(op);
        }
    }

    /// A branch has its output. All: the fork is over when each has; competing: it is over now.
    pub(super) fn branch_done(&mut self, branch: u64, index: u32, output: Value) {
        let Some(Frame { parent: Some(fork), context, .. }) = self.state.frames.remove(&branch)
        else {
            return;
        };
        let program = self.program;
        let Some(open) = self.task_frame(fork) else { return };
        match open.work {
            Work::Map(_) => return self.item_ended(fork, index, Ok(output)),
            Work::Compensate(_) => return self.undone(fork, output),
            Work::Messages(_) => return self.messages_taken(fork, output),
            _ => {}
        }
        let Some(node) = program.node(open.node) else { return };
        let Kind::Fork { branches, compete } = &node.kind else { return };
        if *compete {
            if let Some(context) = context {
                self.set_context(fork, context);
            }
            return self.end_scope(fork, output, None);
        }
        let Work::Fork { done, .. } = &mut open.work else { return };
        done.insert(index, Branched { output, context });
        if done.len() < branches.len() {
            return;
        }
        let results = std::mem::take(done);
        let before = context_of(self.state, Some(fork)).clone();
        let (mut outputs, mut joined) = (Vec::with_capacity(results.len()), before.clone());
        for Branched { output, context } in results.into_values() {
            outputs.push(output);
            // Only what a branch exported is merged, in the order of declaration (RFC 7396).
            if let Some(context) = context.filter(|context| *context != before) {
                merge(&mut joined, context);
            }
        }
        if joined != before {
            self.set_context(fork, joined);
        }
        self.end_scope(fork, Value::Array(outputs), None);
    }

    /// A branch failed. Gives the error that goes further up; none: the others still compete.
    pub(super) fn branch_failed(&mut self, branch: u64, index: u32, error: Error) -> Option<Error> {
        let fork = self.state.frames.get(&branch)?.parent?;
        self.close(branch, End::Cancelled);
        let program = self.program;
        let open = self.task_frame(fork)?;
        let node = program.node(open.node)?;
        if let Kind::Map(map) = &node.kind {
            if !map.collect {
                return Some(error);
            }
            self.item_ended(fork, index, Err(error));
            return None;
        }
        let Kind::Fork { branches, compete } = &node.kind else { return Some(error) };
        if !*compete {
            return Some(error);
        }
        let Work::Fork { failed, .. } = &mut open.work else { return None };
        failed.insert(index, error.clone());
        (failed.len() == branches.len()).then_some(error)
    }

    /// Whether a fork takes an error of one of its branches because others still compete.
    pub(super) fn fork_absorbs(&self, fork: u64) -> bool {
        let Some(Body::Task(open)) = self.body(fork) else { return false };
        let Some(node) = self.program.node(open.node) else { return false };
        match (&node.kind, &open.work) {
            (Kind::Fork { branches, compete: true }, Work::Fork { failed, .. }) => {
                failed.len() + 1 < branches.len()
            }
            (Kind::Map(map), _) => map.collect,
            _ => false,
        }
    }
}

/// JSON merge patch (RFC 7396).
pub(super) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}
