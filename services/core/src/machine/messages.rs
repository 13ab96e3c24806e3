//! Messages that a worker takes, and what is done with each of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::flow::loop_items;
use super::{Machine, Op};
use crate::{Body, Error, Event, Iterating, Kind, Messages, Node, NodeId, Work};

impl<'a> Machine<'a> {
    pub(super) fn open_messages(
        &mut self,
        parent: u64,
        id: NodeId,
        node: &Node,
        of: &Messages,
        raw: &Value,
        own: Option<Value>,
    ) -> Result<(), Error> {
        let input = own.as_ref().unwrap_or(raw).clone();
        let work = Work::Messages(Box::default());
        let number = self.open_task(parent, id, node, raw, own, work)?;
        self.note(Event::TaskEntered { pointer: node.pointer.clone() });
        let parent = self.open(Some(number), Body::Branch { index: 0 });
        self.queue.push_back(Op::Enter { parent, node: of.call, input });
        Ok(())
    }

    /// The worker gave them.
    pub(super) fn messages_taken(&mut self, number: u64, output: Value) {
        let Some((node, _)) = self.messages(number) else { return };
        match loop_items(output, &node.pointer) {
            Ok(items) => {
                if let Some(open) = self.iterating(number) {
                    open.items = Some(items);
                }
                self.next_message(number);
            }
            Err(error) => self.broken(number, error),
        }
    }

    fn next_message(&mut self, number: u64) {
        let Some((_, of)) = self.messages(number) else { return };
        loop {
            let Some(open) = self.iterating(number) else { return };
            let index = open.outputs.len();
            let Some(item) = open.items.as_ref().and_then(|items| items.get(index)).cloned() else {
                let outputs = std::mem::take(&mut open.outputs);
                return self.end_scope(number, Value::Array(outputs), None);
            };
            if let Some(body) = of.foreach.body {
                let Some(Body::Task(open)) = self.body(number) else { return };
                let (input, index) = (open.input().clone(), Value::from(index));
                let (each, at) = (of.foreach.item.clone(), of.foreach.at.clone());
                let variables = BTreeMap::from([(each, item), (at, index)]);
                return self.open_list(Some(number), body, variables, input);
            }
            if !self.keep_message(number, item.clone(), item, index) {
                return;
            }
        }
    }

    /// The tasks for a message are over.
    pub(super) fn message_done(&mut self, number: u64, output: Value) {
        let Some(open) = self.iterating(number) else { return };
        let index = open.outputs.len();
        let Some(item) = open.items.as_ref().and_then(|items| items.get(index)).cloned() else {
            return;
        };
        if self.keep_message(number, item, output, index) {
            self.next_message(number);
        }
    }

    /// Keeps what came of a message; says whether it goes on.
    fn keep_message(&mut self, number: u64, item: Value, output: Value, index: usize) -> bool {
        let Some((_, of)) = self.messages(number) else { return false };
        match self.item_output(number, &of.foreach, (&item, index as u64), output) {
            Ok(output) => {
                if let Some(open) = self.iterating(number) {
                    open.outputs.push(output);
                }
                true
            }
            Err(error) => {
                self.broken(number, error);
                false
            }
        }
    }

    fn messages(&self, number: u64) -> Option<(&'a Node, &'a Messages)> {
        let Some(Body::Task(open)) = self.body(number) else { return None };
        let node = self.program.node(open.node)?;
        match &node.kind {
            Kind::Messages(of) => Some((node, of)),
            _ => None,
        }
    }

    fn iterating(&mut self, number: u64) -> Option<&mut Iterating> {
        match &mut self.task_frame(number)?.work {
            Work::Messages(open) => Some(open),
            _ => None,
        }
    }
}
