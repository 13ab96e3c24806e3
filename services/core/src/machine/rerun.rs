//! A run that begins anew from one of its own tasks.

use serde_json::Value;

use super::{Machine, Op, scope::Place, steer::shallow, watch::End};
use crate::{Body, Done, NodeId, Status, Steer};

impl Machine<'_> {
    /// Whether the run can begin anew at a task, and how the history then says it.
    pub(super) fn can_rerun(
        &self,
        from: &str,
        input: Option<&Value>,
    ) -> Result<Done, (&'static str, String)> {
        if self.state.started_at.is_none() {
            return Err((
                "not_begun",
                "the run has not begun, and has nothing to rerun".to_owned(),
            ));
        }
        let Some((index, node)) = self.own_task(from) else {
            let detail = format!(
                "{from} is no task of the run's own `do`: a run begins anew only from one of them"
            );
            return Err(("no_such_task", detail));
        };
        // Whoever waited has taken the result, and would not take another one. A fault that may be
        // redriven is no result yet.
        let awaited = self.state.parent.as_ref().is_some_and(|parent| parent.awaited);
        let status = self.state.status;
        let is_taken = match status {
            Status::Completed | Status::Cancelled => true,
            Status::Faulted => !self.state.is_redrivable(),
            _ => false,
        };
        if awaited && is_taken {
            let detail = format!(
                "the run is {}, and the run that waited for it has taken that up already",
                status.as_str()
            );
            return Err(("result_taken", detail));
        }
        input.map_or(Ok(()), shallow)?;
        if input.is_none() && self.known_input(index, node).is_none() {
            let detail = format!("what {from} got is not known any more: `input` is needed");
            return Err(("input_unknown", detail));
        }
        Ok(Done::RunRerun { pointer: from.to_owned(), edited: input.is_some() })
    }

    /// Closes all that is open and goes on at a task. Numbers and epochs go on, so that nothing old is
    /// taken for new.
    pub(super) fn rerun(
        &mut self,
        steer: &Steer,
        done: Done,
        (from, input): (&str, Option<&Value>),
    ) {
        let Some((index, node)) = self.own_task(from) else { return };
        let known = input.cloned().or_else(|| self.known_input(index, node));
        let Some(input) = known else { return };
        self.say(steer, done);
        self.queue.clear();
        self.settle_letters(None);
        for root in self.children_of(None) {
            self.close(root, End::Cancelled);
        }
        if self.state.status.is_terminal() {
            self.begin_life();
        }
        (self.state.suspension, self.state.cancelling) = (None, None);
        self.state.status = Status::Running;
        self.run_turned();
        (self.state.output, self.state.error) = (None, None);
        // The whole time again: what it took so far was for what is done anew.
        let (now, started) = (self.now, self.state.started_at.unwrap_or(self.now));
        self.state.deadline = self.state.deadline.map(|end| now.plus(end.since(started)));
        let list = self.program.body;
        let parent = self.open(None, Body::List { list, index });
        self.queue.push_back(Op::Enter { parent, node, input });
    }

    /// A task of the run's own `do`, by its reference, with its position.
    fn own_task(&self, from: &str) -> Option<(u32, NodeId)> {
        let tasks = self.program.list(self.program.body).iter().copied();
        let mut tasks = (0_u32..).zip(tasks);
        tasks.find(|(_, id)| self.program.node(*id).is_some_and(|node| node.pointer == from))
    }

    /// What a task of the run's own `do` got as raw input, where the state still tells.
    fn known_input(&self, index: u32, wanted: NodeId) -> Option<Value> {
        if index == 0 {
            let (raw, template) = (&self.state.raw_input, &self.program.input_from);
            let place = Place { without_context: true, ..Place::default() };
            return match template {
                Some(template) => self.render(template, raw, &place).ok(),
                None => Some(raw.clone()),
            };
        }
        let is_there = |root: &u64| matches!(self.body(*root), Some(Body::List { index: at, .. }) if *at == index);
        let list = self.children_of(None).into_iter().find(is_there)?;
        self.children(list).into_iter().find_map(|number| match self.body(number) {
            Some(Body::Task(open)) if open.node == wanted => Some(open.raw_input.clone()),
            _ => None,
        })
    }
}
