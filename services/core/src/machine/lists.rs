//! Frames: opened, closed, and the lists among them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Machine, Op, SETTLED_MAX, call, watch::End, watch::is_around};
use crate::{Body, Effect, Event, Flow, Frame, ListId, Phase, TaskFrame, Timestamp, Work};

impl Machine<'_> {
    /// Opens a frame and gives its number.
    pub(super) fn open(&mut self, parent: Option<u64>, body: Body) -> u64 {
        let number = self.state.next;
        self.state.next += 1;
        self.state.frames.insert(
            number,
            Frame {
                parent,
                at: self.now,
                deadline: None,
                context: None,
                variables: BTreeMap::new(),
                body,
            },
        );
        number
    }

    /// Begins a list below `parent`.
    pub(super) fn open_list(
        &mut self,
        parent: Option<u64>,
        list: ListId,
        variables: BTreeMap<String, Value>,
        input: Value,
    ) {
        let Some(first) = self.program.list(list).first().copied() else {
            self.queue.push_back(Op::ListDone { parent, output: input });
            return;
        };
        let number = self.open(parent, Body::List { list, index: 0 });
        if let Some(frame) = self.state.frames.get_mut(&number) {
            frame.variables = variables;
        }
        self.queue.push_back(Op::Enter { parent: number, node: first, input });
    }

    /// A task of a list or a branch of a fork is over.
    pub(super) fn left(&mut self, parent: u64, output: Value, flow: Flow) {
        if matches!(self.body(parent), Some(Body::Core)) {
            return self.core_done(parent, output, flow);
        }
        if flow == Flow::End {
            self.ends_below(parent);
            self.complete(output);
            return;
        }
        let (list, index) = match self.body(parent) {
            Some(Body::List { list, index }) => (*list, *index),
            Some(Body::Branch { index }) => return self.branch_done(parent, *index, output),
            Some(Body::Task(_) | Body::Core) | None => return,
        };
        let next = match flow {
            Flow::Continue => index + 1,
            Flow::Goto(jump) => jump.0,
            Flow::Exit | Flow::End => u32::MAX,
        };
        if let Some(node) = self.program.list(list).get(next as usize).copied() {
            if let Some(frame) = self.state.frames.get_mut(&parent) {
                frame.body = Body::List { list, index: next };
            }
            self.queue.push_back(Op::Enter { parent, node, input: output });
            return;
        }
        let above = self.state.frames.remove(&parent).and_then(|frame| frame.parent);
        if flow == Flow::Exit {
            self.exited(above);
        }
        self.queue.push_back(Op::ListDone { parent: above, output });
    }

    /// Removes a frame, which ended so, and everything below it; attempts that are out are cancelled.
    pub(super) fn close(&mut self, root: u64, end: End<'_>) {
        let (mut doomed, mut next) = (vec![root], 0);
        while let Some(number) = doomed.get(next).copied() {
            doomed.extend(self.state.frames.below(Some(number)));
            next += 1;
        }
        // In the order in which they were opened.
        doomed.sort_unstable();
        let mut around = Vec::new();
        for number in doomed {
            let Some(frame) = self.state.frames.remove(&number) else { continue };
            let Body::Task(open) = frame.body else { continue };
            let end = if number == root { end } else { self.end_with(number, &open) };
            let id = open.node;
            let later = self.watched && is_around(&open.work);
            self.closed(number, *open);
            if later {
                around.push((id, number, end));
            } else {
                self.over(id, Some(number), end);
            }
        }
        for (id, number, end) in around.into_iter().rev() {
            self.over(id, Some(number), end);
        }
    }

    fn closed(&mut self, number: u64, open: TaskFrame) {
        if matches!(open.work, Work::Call(_) | Work::Listen(_) | Work::Child(_)) {
            self.out.closed.push((number, open.node));
        }
        let task = match open.work {
            Work::Call(task) => task,
            Work::Listen(hearing) if !hearing.interrupted => {
                return self.listened(number, open.node, hearing.count);
            }
            Work::Human(asking) if !asking.closed => return self.withdraw(number, open.node),
            Work::Child(child) => return self.child_closed(number, *child),
            Work::Compensate(open) => return self.not_undone(*open),
            _ => return,
        };
        self.give_back(number, task.has_permit());
        if call::is_out(&task) {
            self.note(Event::TaskCancelled { task: number, epoch: task.epoch });
            self.effect(Effect::Cancel { task: number, epoch: task.epoch });
        } else if matches!(task.phase, Phase::Backoff { .. } | Phase::Queued { .. }) {
            self.note(Event::TaskCancelled { task: number, epoch: task.epoch });
        }
        self.settle(number, task.epoch);
    }

    /// Remembers the last epoch of a task with more than one, for the results of zombies.
    pub(super) fn settle(&mut self, number: u64, epoch: u64) {
        if epoch < 2 {
            return;
        }
        self.state.settled.insert(number, epoch);
        while self.state.settled.len() > SETTLED_MAX {
            self.state.settled.pop_first();
        }
    }

    /// The numbers of all that is open.
    pub(super) fn numbers(&mut self) -> Vec<u64> {
        self.state.frames.scan(&mut self.out.looked).map(|(number, _)| number).collect()
    }

    pub(super) fn task_frame(&mut self, number: u64) -> Option<&mut TaskFrame> {
        match &mut self.state.frames.get_mut(&number)?.body {
            Body::Task(open) => Some(open),
            Body::List { .. } | Body::Branch { .. } | Body::Core => None,
        }
    }

    pub(super) fn set_deadline(&mut self, number: u64, deadline: Timestamp) {
        if let Some(frame) = self.state.frames.get_mut(&number) {
            frame.deadline = Some(deadline);
        }
    }
}
