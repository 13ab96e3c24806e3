//! `call: map`: a task for each item, so many at a time.

use serde_json::{Value, json};

use super::errors::error_value;
use super::flow::loop_items;
use super::{Machine, Op, scope::Place};
use crate::{Body, Error, Event, Map, Mapping, Node, NodeId, Work};

impl Machine<'_> {
    pub(super) fn open_map(
        &mut self,
        parent: u64,
        id: NodeId,
        node: &Node,
        map: &Map,
        raw: &Value,
        own: Option<Value>,
    ) -> Result<(), Error> {
        let input = own.as_ref().unwrap_or(raw);
        let place = Place::of(node, parent, input, raw);
        let items = loop_items(self.render(&map.items, input, &place)?, &node.pointer)?;
        let work = Work::Map(Box::new(Mapping { items, ..Mapping::default() }));
        let number = self.open_task(parent, id, node, raw, own, work)?;
        self.note(Event::TaskEntered { pointer: node.pointer.clone() });
        self.fill(number);
        Ok(())
    }

    /// Opens tasks of items while there is room; ends the map when every item has a result.
    fn fill(&mut self, number: u64) {
        let program = self.program;
        let Some(Body::Task(open)) = self.body(number) else { return };
        let Some(crate::Kind::Map(map)) = program.node(open.node).map(|node| &node.kind) else {
            return;
        };
        loop {
            let Some(mapping) = self.mapping(number) else { return };
            let index = mapping.next;
            let open = index as usize - mapping.done.len();
            if open >= map.bound as usize {
                return;
            }
            let Some(item) = mapping.items.get_mut(index as usize).map(Value::take) else {
                if open == 0 {
                    let done = std::mem::take(&mut mapping.done);
                    self.end_scope(number, Value::Array(done.into_values().collect()), None);
                }
                return;
            };
            mapping.next += 1;
            match self.argument(number, map, item, index) {
                Ok(input) => {
                    let parent = self.open(Some(number), Body::Branch { index });
                    self.queue.push_back(Op::Enter { parent, node: map.task, input });
                }
                Err(error) if map.collect => self.record(number, index, Err(error)),
                Err(error) => return self.broken(number, error),
            }
        }
    }

    /// What the task of an item gets.
    fn argument(&self, number: u64, map: &Map, item: Value, index: u32) -> Result<Value, Error> {
        let Some(with) = &map.with else { return Ok(item) };
        let Some(Body::Task(open)) = self.body(number) else { return Ok(item) };
        let own = [(map.each.as_str(), item), (map.at.as_str(), Value::from(index))];
        let place = Place {
            node: self.program.node(open.node),
            frame: Some(number),
            input: Some(open.input()),
            raw_input: Some(&open.raw_input),
            own: &own,
            ..Place::default()
        };
        self.render(with, open.input(), &place)
    }

    /// The task of an item is over.
    pub(super) fn item_ended(&mut self, number: u64, index: u32, result: Result<Value, Error>) {
        self.record(number, index, result);
        self.fill(number);
    }

    /// Keeps a result: of a map that collects, in an object that says what it is.
    fn record(&mut self, number: u64, index: u32, result: Result<Value, Error>) {
        let Some(Body::Task(open)) = self.body(number) else { return };
        let node = self.program.node(open.node);
        let collect =
            matches!(node.map(|node| &node.kind), Some(crate::Kind::Map(map)) if map.collect);
        let value = match result {
            Ok(output) if collect => json!({ "output": output }),
            Ok(output) => output,
            Err(error) => json!({ "error": error_value(&error) }),
        };
        if let Some(mapping) = self.mapping(number) {
            mapping.done.insert(index, value);
        }
    }

    fn mapping(&mut self, number: u64) -> Option<&mut Mapping> {
        match &mut self.task_frame(number)?.work {
            Work::Map(mapping) => Some(mapping),
            _ => None,
        }
    }
}
