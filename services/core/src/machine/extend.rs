//! Tasks with extensions around them.
//!
//! Extensions are layers, the first declared outermost: their `before` run from the outside in, then
//! the task, then their `after` from the inside out. What a `before` gives is dropped, unless it
//! exits: then it stands in for the task and for the layers within. What an `after` gives is dropped.
//! The node around all of it has the task's `if`, `input`, `output`, `export` and `then`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::data::Ended;
use super::{Machine, Op, scope::Place};
use crate::{
    Body, Error, Event, Extending, Extension, Flow, Kind, ListId, Node, NodeId, Stage, Work,
};

impl<'a> Machine<'a> {
    pub(super) fn open_extended(
        &mut self,
        parent: u64,
        id: NodeId,
        node: &Node,
        raw: &Value,
        own: Option<Value>,
    ) -> Result<(), Error> {
        let work = Work::Extended(Box::default());
        let number = self.open_task(parent, id, node, raw, own, work)?;
        self.go_in(number, 0);
        Ok(())
    }

    /// Goes on inwards with the layer `from`.
    fn go_in(&mut self, number: u64, from: u32) {
        let Some((task, extensions)) = self.extensions(number) else { return };
        for (index, extension) in (0..).zip(extensions).skip(from as usize) {
            match self.applies(number, extension) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => return self.broken(number, error),
            }
            if let Some(before) = extension.before {
                return self.run_layer(number, Stage::Before(index), before);
            }
            self.extending(number, |open| open.around.push(index));
        }
        self.extending(number, |open| open.stage = Stage::Core);
        let Some(Body::Task(open)) = self.body(number) else { return };
        let input = open.input().clone();
        let parent = self.open(Some(number), Body::Core);
        self.queue.push_back(Op::Enter { parent, node: task, input });
    }

    /// Goes on outwards, where `self` has its raw output.
    fn go_out(&mut self, number: u64) {
        let Some((_, extensions)) = self.extensions(number) else { return };
        while let Some(index) = self.extending(number, |open| open.around.pop()).flatten() {
            if let Some(after) = extensions.get(index as usize).and_then(|one| one.after) {
                return self.run_layer(number, Stage::After(index), after);
            }
        }
        let Some(frame) = self.state.frames.get(&number) else { return };
        let (Some(parent), Body::Task(open)) = (frame.parent, &frame.body) else { return };
        let (node, raw_input, input) = (open.node, open.raw_input.clone(), open.input().clone());
        let done = self.extending(number, |open| (open.output.take(), open.flow));
        let (output, flow) = done.unwrap_or_default();
        self.finish(Ended {
            parent,
            frame: Some(number),
            node,
            raw_input: &raw_input,
            input: &input,
            output: output.unwrap_or_default(),
            flow,
        });
    }

    /// Runs the tasks of a layer: before the task on its input, after it on its raw output.
    fn run_layer(&mut self, number: u64, stage: Stage, list: ListId) {
        self.extending(number, |open| open.stage = stage);
        let Some(Body::Task(open)) = self.body(number) else { return };
        let input = match &open.work {
            Work::Extended(own) => own.output.as_ref().unwrap_or_else(|| open.input()).clone(),
            _ => return,
        };
        self.open_list(Some(number), list, BTreeMap::new(), input);
    }

    /// The tasks of a layer are over.
    pub(super) fn extension_done(&mut self, number: u64, output: Value) {
        let Some(stage) = self.extending(number, |open| open.stage) else { return };
        match stage {
            Stage::Before(index) => {
                self.extending(number, |open| open.around.push(index));
                self.go_in(number, index + 1);
            }
            Stage::Exited(_) => {
                self.extending(number, |open| open.output = Some(output));
                let node = self.body(number).and_then(|body| match body {
                    Body::Task(open) => self.program.node(open.node),
                    _ => None,
                });
                if let Some(node) = node {
                    self.note(Event::TaskLeft { pointer: node.pointer.clone() });
                }
                self.go_out(number);
            }
            Stage::After(_) => self.go_out(number),
            Stage::Core => {}
        }
    }

    /// The list below `parent` was left by `exit`: of a `before`, that ends the task, too.
    pub(super) fn exited(&mut self, parent: Option<u64>) {
        let Some(number) = parent else { return };
        self.extending(number, |open| {
            if let Stage::Before(index) = open.stage {
                open.stage = Stage::Exited(index);
            }
        });
    }

    /// The task itself is over.
    pub(super) fn core_done(&mut self, core: u64, output: Value, flow: Flow) {
        let Some(number) = self.state.frames.remove(&core).and_then(|frame| frame.parent) else {
            return;
        };
        self.extending(number, |open| (open.output, open.flow) = (Some(output), Some(flow)));
        self.go_out(number);
    }

    fn applies(&self, number: u64, extension: &Extension) -> Result<bool, Error> {
        let Some(when) = extension.when else { return Ok(true) };
        let Some(Body::Task(open)) = self.body(number) else { return Ok(false) };
        let place = Place {
            node: self.program.node(open.node),
            frame: Some(number),
            input: Some(open.input()),
            raw_input: Some(&open.raw_input),
            extended: true,
            ..Place::default()
        };
        self.holds(when, open.input(), &place)
    }

    fn extensions(&self, number: u64) -> Option<(NodeId, &'a [Extension])> {
        let Some(Body::Task(open)) = self.body(number) else { return None };
        match &self.program.node(open.node)?.kind {
            Kind::Extended { task, extensions } => Some((*task, extensions)),
            _ => None,
        }
    }

    fn extending<T>(&mut self, number: u64, change: impl FnOnce(&mut Extending) -> T) -> Option<T> {
        match &mut self.task_frame(number)?.work {
            Work::Extended(open) => Some(change(open)),
            _ => None,
        }
    }
}
