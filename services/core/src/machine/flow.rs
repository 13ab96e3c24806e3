//! How each kind of task begins and ends.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Machine, Op, data::Ended, scope::Place};
use crate::{
    Body, Case, Error, ErrorKind, ErrorTemplate, Event, Flow, Kind, Node, NodeId, TaskFrame,
    TryPhase, Work,
};

/// The most items that a loop takes. Loops are stored whole while they run.
const LOOP_ITEMS_MAX: usize = 100_000;

impl Machine<'_> {
    pub(super) fn enter(&mut self, parent: u64, id: NodeId, raw: Value) {
        let program = self.program;
        let Some(node) = program.node(id) else { return };
        self.created_at = None;
        if let Err(error) = self.begin(parent, id, node, &raw) {
            self.not_opened(id, &error);
            self.queue.push_back(Op::Raise { parent: Some(parent), error });
        }
    }

    fn begin(&mut self, parent: u64, id: NodeId, node: &Node, raw: &Value) -> Result<(), Error> {
        if let Some(condition) = node.condition {
            let place = Place {
                node: Some(node),
                frame: Some(parent),
                raw_input: Some(raw),
                ..Place::default()
            };
            if !self.holds(condition, raw, &place)? {
                self.note(Event::TaskSkipped { pointer: node.pointer.clone() });
                // What was not run leads nowhere: the list goes on (profile, "if").
                let (output, flow) = (raw.clone(), Flow::Continue);
                self.queue.push_back(Op::Left { parent, output, flow });
                return Ok(());
            }
        }
        self.created(id, node);
        let own = self.task_input(node, parent, raw)?;
        let input = own.as_ref().unwrap_or(raw);
        let place = Place::of(node, parent, input, raw);
        let (output, flow) = match &node.kind {
            Kind::Set(template) => (self.render(template, input, &place)?, None),
            Kind::Switch(cases) => (input.clone(), self.choose(cases, input, &place)?),
            Kind::Emit(template) => (self.emit(node, template, input, &place)?, None),
            Kind::Raise(template) => return Err(self.raised(node, template, input, &place)?),
            Kind::Do(_)
            | Kind::Fork { .. }
            | Kind::For { .. }
            | Kind::Try { .. }
            | Kind::Function { .. } => {
                return self.open_scope(parent, id, node, raw, own);
            }
            Kind::Wait(_) | Kind::Call(_) | Kind::RunWorkflow(_) => {
                return self.open_leaf(parent, id, node, raw, own);
            }
            Kind::Listen(_) => return self.open_listen(parent, id, node, raw, own),
            Kind::Messages(of) => return self.open_messages(parent, id, node, of, raw, own),
            Kind::Human(_) => return self.open_human(parent, id, node, raw, own),
            Kind::Compensate => return self.open_compensate(parent, id, node, raw, own),
            Kind::Map(map) => return self.open_map(parent, id, node, map, raw, own),
            Kind::Extended { .. } => return self.open_extended(parent, id, node, raw, own),
        };
        self.note(Event::TaskLeft { pointer: node.pointer.clone() });
        let ended = Ended { parent, frame: None, node: id, raw_input: raw, input, output, flow };
        self.finish(ended);
        Ok(())
    }

    fn choose(
        &self,
        cases: &[Case],
        input: &Value,
        place: &Place<'_>,
    ) -> Result<Option<Flow>, Error> {
        for case in cases {
            let taken = match case.when {
                Some(when) => self.holds(when, input, place)?,
                None => true,
            };
            if taken {
                return Ok(Some(case.then));
            }
        }
        Ok(None)
    }

    /// The error that a `raise` raises; `Err` when it cannot even be built.
    fn raised(
        &self,
        node: &Node,
        template: &ErrorTemplate,
        input: &Value,
        place: &Place<'_>,
    ) -> Result<Error, Error> {
        let text = |template: &crate::Template| match self.render(template, input, place)? {
            Value::String(text) => Ok(text),
            other => Ok(other.to_string()),
        };
        let optional = |template: &Option<crate::Template>| template.as_ref().map(text).transpose();
        let status = self.render(&template.status, input, place)?;
        let status = status.as_u64().and_then(|status| u16::try_from(status).ok());
        let status = status.ok_or_else(|| {
            let detail = "the status of a raised error must be an integer from 0 to 65535";
            Error::new(ErrorKind::Expression, &node.pointer, detail)
        })?;
        Ok(Error {
            kind: text(&template.kind)?,
            status,
            instance: optional(&template.instance)?.or_else(|| Some(node.pointer.clone())),
            title: optional(&template.title)?,
            detail: optional(&template.detail)?,
        })
    }

    /// Opens a frame for a task that stays open, with its deadline.
    pub(super) fn open_task(
        &mut self,
        parent: u64,
        id: NodeId,
        node: &Node,
        raw: &Value,
        own: Option<Value>,
        work: Work,
    ) -> Result<u64, Error> {
        let place = Place::of(node, parent, own.as_ref().unwrap_or(raw), raw);
        let timeout = match node.timeout {
            Some(span) => Some(self.millis(span, own.as_ref().unwrap_or(raw), &place)?),
            None => None,
        };
        let open = TaskFrame { node: id, raw_input: raw.clone(), input: own, work };
        let number = self.open(Some(parent), Body::Task(Box::new(open)));
        if let Some(millis) = timeout {
            self.set_deadline(number, self.now.plus(millis));
        }
        self.opened(id, number, node);
        Ok(number)
    }

    fn open_scope(
        &mut self,
        parent: u64,
        id: NodeId,
        node: &Node,
        raw: &Value,
        own: Option<Value>,
    ) -> Result<(), Error> {
        let input = own.as_ref().unwrap_or(raw).clone();
        let work = match &node.kind {
            Kind::Fork { .. } => Work::Fork { done: BTreeMap::new(), failed: BTreeMap::new() },
            Kind::For { items, .. } => {
                let place = Place::of(node, parent, &input, raw);
                let items = self.render(items, &input, &place)?;
                Work::For { items: loop_items(items, &node.pointer)?, index: 0 }
            }
            Kind::Try { .. } => {
                Work::Try { retries: 0, phase: TryPhase::Trying, attempt_deadline: None }
            }
            _ => Work::Do,
        };
        let arguments = match &node.kind {
            Kind::Function { with: Some(with), .. } => {
                let place = Place::of(node, parent, &input, raw);
                Some(self.render(with, &input, &place)?)
            }
            _ => None,
        };
        let number = self.open_task(parent, id, node, raw, own, work)?;
        self.note(Event::TaskEntered { pointer: node.pointer.clone() });
        match &node.kind {
            Kind::Do(list) => self.open_list(Some(number), *list, BTreeMap::new(), input),
            Kind::Function { body, .. } => {
                let input = arguments.unwrap_or(input);
                self.open_list(Some(number), *body, BTreeMap::new(), input);
            }
            Kind::For { .. } => self.iterate(number, input),
            Kind::Try { .. } => self.attempt(number),
            Kind::Fork { branches, .. } => self.fork(number, branches, &input),
            _ => {}
        }
        Ok(())
    }

    /// Begins the iteration at the loop's index, or ends the loop with `input` as its output.
    pub(super) fn iterate(&mut self, number: u64, input: Value) {
        let program = self.program;
        let Some(open) = self.task_frame(number) else { return };
        let (id, Work::For { items, index }) = (open.node, &mut open.work) else { return };
        let (item, index) = (items.get_mut(*index as usize).map(Value::take), *index);
        let Some(node) = program.node(id) else { return };
        let Kind::For { each, at, condition, body, .. } = &node.kind else { return };
        let Some(item) = item else { return self.end_scope(number, input, None) };
        let own = [(each.as_str(), item), (at.as_str(), Value::from(index))];
        if let Some(condition) = condition {
            let Some(Body::Task(open)) = self.body(number) else { return };
            let place = Place {
                node: Some(node),
                frame: Some(number),
                input: Some(open.input()),
                raw_input: Some(&open.raw_input),
                own: &own,
                ..Place::default()
            };
            match self.holds(*condition, &input, &place) {
                Ok(true) => {}
                Ok(false) => return self.end_scope(number, input, None),
                Err(error) => return self.broken(number, error),
            }
        }
        let variables = own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.open_list(Some(number), *body, variables, input);
    }

    /// A list below a task (or the run) is over.
    pub(super) fn list_done(&mut self, parent: Option<u64>, output: Value) {
        let Some(number) = parent else { return self.complete(output) };
        let program = self.program;
        let Some(open) = self.task_frame(number) else { return };
        let node = open.node;
        match &mut open.work {
            Work::For { index, .. } => {
                *index += 1;
                self.iterate(number, output);
            }
            Work::Try { phase: TryPhase::Catching, .. } => {
                let then = program.node(node).and_then(|node| match &node.kind {
                    Kind::Try { catch, .. } => catch.then,
                    _ => None,
                });
                self.end_scope(number, output, then);
            }
            Work::Listen(_) => self.item_done(number, output),
            Work::Extended(_) => self.extension_done(number, output),
            Work::Messages(_) => self.message_done(number, output),
            _ => self.end_scope(number, output, None),
        }
    }

    /// A `do`, `for`, `fork` or `try` has its raw output.
    pub(super) fn end_scope(&mut self, number: u64, output: Value, flow: Option<Flow>) {
        let Some(frame) = self.state.frames.get(&number) else { return };
        let (Some(parent), Body::Task(open)) = (frame.parent, &frame.body) else { return };
        let (node, raw_input) = (open.node, open.raw_input.clone());
        let input = open.input().clone();
        if let Some(node) = self.program.node(node) {
            self.note(Event::TaskLeft { pointer: node.pointer.clone() });
        }
        self.finish(Ended {
            parent,
            frame: Some(number),
            node,
            raw_input: &raw_input,
            input: &input,
            output,
            flow,
        });
    }
}

pub(super) fn loop_items(value: Value, pointer: &str) -> Result<Vec<Value>, Error> {
    let refused = |detail: String| Err(Error::new(ErrorKind::Expression, pointer, detail));
    match value {
        Value::Array(items) if items.len() <= LOOP_ITEMS_MAX => Ok(items),
        Value::Array(items) => {
            refused(format!("a loop takes at most {LOOP_ITEMS_MAX} items, not {}", items.len()))
        }
        Value::Null => Ok(Vec::new()),
        _ => refused("`in` must give an array".to_owned()),
    }
}
