//! `call: compensate`: what was completed is undone, the last first (a saga, Garcia-Molina and Salem
//! 1987).

use serde_json::{Value, json};

use super::{Machine, Op, scope::Place};
use crate::{
    Body, Compensating, Error, ErrorKind, Event, Node, NodeId, TryPhase, Undo, Undone, Work,
};

/// Completed tasks that a run can undo: they are part of its state.
const UNDO_MAX: usize = 10_000;

impl Machine<'_> {
    /// What would undo a task that has completed gets.
    pub(super) fn undo_input(
        &self,
        undo: &Undo,
        output: &Value,
        place: &Place<'_>,
    ) -> Result<Value, Error> {
        match &undo.with {
            Some(with) => self.render(with, output, place),
            None => Ok(output.clone()),
        }
    }

    /// Remembers that a task can be undone.
    pub(super) fn keep_undo(
        &mut self,
        parent: u64,
        of: NodeId,
        node: &Node,
        input: Value,
    ) -> Result<(), Error> {
        if self.state.undo.len() >= UNDO_MAX {
            let detail = format!("the run has more than {UNDO_MAX} tasks to compensate");
            return Err(Error::new(ErrorKind::Runtime, &node.pointer, detail));
        }
        let tries = self.tries(parent, TryPhase::Trying);
        let number = self.state.next;
        self.state.next += 1;
        self.state.undo.insert(number, Undone { of, input, tries });
        Ok(())
    }

    /// Every `try` above a frame that is at this phase, the nearest first.
    fn tries(&self, from: u64, wanted: TryPhase) -> Vec<u64> {
        let mut found = Vec::new();
        let mut at = Some(from);
        while let Some((number, frame)) = at.and_then(|n| Some((n, self.state.frames.get(&n)?))) {
            if let Body::Task(open) = &frame.body
                && matches!(&open.work, Work::Try { phase, .. } if *phase == wanted)
            {
                found.push(number);
            }
            at = frame.parent;
        }
        found
    }

    pub(super) fn open_compensate(
        &mut self,
        parent: u64,
        id: NodeId,
        node: &Node,
        raw: &Value,
        own: Option<Value>,
    ) -> Result<(), Error> {
        let within = self.tries(parent, TryPhase::Catching).first().copied();
        let work = Work::Compensate(Box::new(Compensating { within, ..Compensating::default() }));
        let number = self.open_task(parent, id, node, raw, own, work)?;
        self.note(Event::TaskEntered { pointer: node.pointer.clone() });
        self.undo_next(number);
        Ok(())
    }

    /// Undoes the last completed task; ends when there is none (left).
    fn undo_next(&mut self, number: u64) {
        let Some(within) = self.compensating(number).map(|open| open.within) else { return };
        let mut all = self.state.undo.iter().rev();
        let last = all.find(|(_, one)| within.is_none_or(|within| one.tries.contains(&within)));
        let Some(key) = last.map(|(key, _)| *key) else {
            let done = self.compensating(number).map(|open| std::mem::take(&mut open.done));
            return self.end_scope(number, Value::Array(done.unwrap_or_default()), None);
        };
        let Some(undone) = self.state.undo.remove(&key) else { return };
        let task = self.program.node(undone.of).and_then(|node| node.undo.as_ref());
        let Some(task) = task.map(|undo| undo.task) else { return };
        let input = undone.input.clone();
        if let Some(open) = self.compensating(number) {
            open.open = Some((key, undone));
        }
        let parent = self.open(Some(number), Body::Branch { index: 0 });
        self.queue.push_back(Op::Enter { parent, node: task, input });
    }

    /// A task was undone.
    pub(super) fn undone(&mut self, number: u64, output: Value) {
        let program = self.program;
        let Some(open) = self.compensating(number) else { return };
        let Some((_, undone)) = open.open.take() else { return };
        let task = program.node(undone.of).map(|node| node.pointer.as_str());
        open.done.push(json!({ "task": task, "output": output }));
        self.undo_next(number);
    }

    /// What a branch undoes is undone, though nothing follows from it any more.
    pub(super) fn keep_undone(&mut self, branch: u64) {
        let above = self.state.frames.get(&branch).and_then(|frame| frame.parent);
        if let Some(open) = above.and_then(|above| self.compensating(above)) {
            open.open = None;
        }
    }

    /// What was not undone can still be.
    pub(super) fn not_undone(&mut self, open: Compensating) {
        self.state.undo.extend(open.open);
    }

    fn compensating(&mut self, number: u64) -> Option<&mut Compensating> {
        match &mut self.task_frame(number)?.work {
            Work::Compensate(open) => Some(open),
            _ => None,
        }
    }
}
