//! Listening: which events are taken, what is kept of them, and when it is enough.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Machine, Op, data::Ended, filter::Fit, scope::Place, watch::End};
use crate::{
    Body, CloudEvent, Effect, Error, ErrorKind, Event, ForEach, Hearing, Kind, Listen, Node,
    NodeId, Status, Strategy, Until, Work, fit,
};

/// The most that one listen keeps of events: it is stored whole while it is open.
const CONSUMED_MAX: usize = 10_000;
const CONSUMED_BYTES_MAX: u64 = 4 << 20;

/// Events that a run knows again when they come a second time.
const HEARD_MAX: usize = 256;

/// What becomes of an event that a run is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It was taken.
    Taken,
    /// It is to be told again when a listen opens or is done with an earlier event.
    Later,
    /// It is nothing to this run, or was taken before.
    Never,
}

impl<'a> Machine<'a> {
    /// Opens a `listen`.
    pub(super) fn open_listen(
        &mut self,
        parent: u64,
        id: NodeId,
        node: &Node,
        raw: &Value,
        own: Option<Value>,
    ) -> Result<(), Error> {
        let Kind::Listen(listen) = &node.kind else { return Ok(()) };
        let input = own.as_ref().unwrap_or(raw);
        let place = Place::of(node, parent, input, raw);
        let mut hearing = Hearing::default();
        for correlation in filters(&listen.to).flat_map(|filter| &filter.correlate) {
            if let Some(expect) = &correlation.expect {
                let value = self.render(expect, input, &place)?;
                hearing.correlation.insert(correlation.name.clone(), value);
            }
        }
        let number = self.open_task(parent, id, node, raw, own, Work::Listen(Box::new(hearing)))?;
        self.listening(number, node, listen);
        Ok(())
    }

    fn listening(&mut self, number: u64, node: &Node, listen: &Listen) {
        self.note(Event::ListenStarted { task: number, pointer: node.pointer.clone() });
        let types = listen.to.types().map(|types| types.into_iter().collect());
        self.effect(Effect::Listen { task: number, types });
    }

    /// Goes on with a listen that a fault interrupted.
    pub(super) fn listen_again(&mut self, number: u64) {
        let program = self.program;
        let Some((node, listen, hearing)) = self.hearing(number) else { return };
        if std::mem::take(&mut hearing.interrupted)
            && let Some(node) = program.node(node)
        {
            self.listening(number, node, listen);
        }
    }

    /// A listen is over, or interrupted.
    pub(super) fn listened(&mut self, number: u64, node: NodeId, count: u64) {
        let pointer = self.program.node(node).map_or("", |node| node.pointer.as_str()).to_owned();
        self.note(Event::ListenEnded { task: number, pointer, count });
        self.effect(Effect::Unlisten { task: number });
    }

    /// Tells every open listen of an event. All that it fits take it at once; while one of them is
    /// at an earlier event it waits, unless it is taken within what that one does.
    pub(super) fn hear(&mut self, event: &CloudEvent, directed: bool) -> Taking {
        let unheard = if directed { Taking::Later } else { Taking::Never };
        match self.state.status {
            Status::Completed | Status::Cancelled => return Taking::Never,
            Status::Pending | Status::Faulted => return unheard,
            Status::Running | Status::Waiting | Status::Suspended => {}
        }
        let mark = event.mark();
        if self.state.heard.contains(&mark) {
            return Taking::Never;
        }
        let open = self.state.listens().filter(|(_, hearing)| hearing.is_open());
        let fits: Vec<(u64, bool, Fit)> = open
            .filter_map(|(number, hearing)| {
                Some((number, hearing.is_free(), self.fit(number, event)?))
            })
            .collect();
        if self.state.status == Status::Suspended {
            return if fits.is_empty() { unheard } else { Taking::Later };
        }
        let held = |(number, free, _): &(u64, bool, Fit)| {
            !free && !fits.iter().any(|(other, free, _)| *free && self.is_within(*other, *number))
        };
        if fits.iter().any(held) {
            return Taking::Later;
        }
        if fits.is_empty() {
            return unheard;
        }
        self.state.heard.push(mark);
        if self.state.heard.len() > HEARD_MAX {
            self.state.heard.remove(0);
        }
        for (number, _, fit) in fits.into_iter().filter(|(_, free, _)| *free) {
            self.consume(number, fit, event);
        }
        Taking::Taken
    }

    fn is_within(&self, inner: u64, outer: u64) -> bool {
        let mut at = Some(inner);
        while let Some(number) = at {
            if number == outer {
                return true;
            }
            at = self.state.frames.get(&number).and_then(|frame| frame.parent);
        }
        false
    }

    /// A listen takes an event.
    fn consume(&mut self, number: u64, fit: Fit, event: &CloudEvent) {
        let Some((_, listen, hearing)) = self.hearing(number) else { return };
        hearing.correlation.extend(fit.bound);
        hearing.met.extend(fit.filter);
        hearing.until_met.extend(fit.until);
        let met = hearing.met.len();
        hearing.enough = match &listen.to {
            Strategy::One(_) | Strategy::Any { until: None, .. } => fit.filter.is_some(),
            Strategy::All(filters) => met == filters.len(),
            Strategy::Any { until: Some(Until::Heard(strategy)), .. } => match &**strategy {
                Strategy::All(filters) => hearing.until_met.len() == filters.len(),
                Strategy::One(_) | Strategy::Any { .. } => fit.until.is_some(),
            },
            Strategy::Any { until: Some(Until::Holds(_) | Until::Never), .. } => false,
        };
        let (source, id) = event.identity();
        self.note(Event::EventReceived {
            task: number,
            id: id.to_owned(),
            source: source.to_owned(),
            kind: event.kind().to_owned(),
        });
        if fit.filter.is_none() {
            return self.heard_enough(number);
        }
        let Some((_, listen, hearing)) = self.hearing(number) else { return };
        hearing.count += 1;
        let index = hearing.count - 1;
        let value = fit::read(event, listen.read);
        let Some(each) = &listen.foreach else {
            return self.keep(number, value, None);
        };
        hearing.item = Some(value.clone());
        let Some(body) = each.body else { return self.item_done(number, value) };
        let Some(Body::Task(open)) = self.body(number) else { return };
        let input = open.input().clone();
        let variables =
            BTreeMap::from([(each.item.clone(), value), (each.at.clone(), Value::from(index))]);
        self.open_list(Some(number), body, variables, input);
    }

    /// `foreach` is done with an event.
    pub(super) fn item_done(&mut self, number: u64, output: Value) {
        let Some((_, listen, hearing)) = self.hearing(number) else { return };
        let (Some(each), Some(item)) = (&listen.foreach, hearing.item.take()) else { return };
        let index = hearing.count.saturating_sub(1);
        match self.item_output(number, each, (&item, index), output) {
            Ok(output) => self.keep(number, item, Some(output)),
            Err(error) => self.fail_listen(number, error),
        }
    }

    /// `foreach.output` and `foreach.export`.
    pub(super) fn item_output(
        &mut self,
        number: u64,
        each: &ForEach,
        (item, index): (&Value, u64),
        output: Value,
    ) -> Result<Value, Error> {
        let program = self.program;
        let Some(Body::Task(open)) = self.body(number) else { return Ok(output) };
        let (open, own) = (
            open.clone(),
            [(each.item.as_str(), item.clone()), (each.at.as_str(), Value::from(index))],
        );
        let place = || Place {
            node: program.node(open.node),
            frame: Some(number),
            input: Some(open.input()),
            raw_input: Some(&open.raw_input),
            own: &own,
            ..Place::default()
        };
        let pointer = program.node(open.node).map_or("", |node| node.pointer.as_str());
        let output = match &each.output_as {
            Some(template) => self.render(template, &output, &place())?,
            None => output,
        };
        self.check(each.output_schema, &output, pointer)?;
        if let Some(export) = &each.export {
            let place = Place { output: Some(&output), ..place() };
            let context = match &export.as_ {
                Some(template) => self.render(template, &output, &place)?,
                None => output.clone(),
            };
            self.check(export.schema, &context, pointer)?;
            self.set_context(number, context);
        }
        Ok(output)
    }

    /// Keeps what a listen consumed, and asks whether it is enough.
    fn keep(&mut self, number: u64, value: Value, output: Option<Value>) {
        let Some((_, listen, hearing)) = self.hearing(number) else { return };
        let until = match &listen.to {
            Strategy::Any { until, .. } => until.as_ref(),
            Strategy::One(_) | Strategy::All(_) => None,
        };
        if !matches!(until, Some(Until::Never)) {
            let bytes =
                value.to_string().len() + output.as_ref().map_or(0, |o| o.to_string().len());
            hearing.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
            hearing.consumed.push(value);
            hearing.outputs.extend(output);
            if hearing.consumed.len() > CONSUMED_MAX || hearing.bytes > CONSUMED_BYTES_MAX {
                return self.too_much(number);
            }
        }
        if let Some(Until::Holds(expr)) = until {
            let Some(Body::Task(open)) = self.body(number) else { return };
            let Work::Listen(hearing) = &open.work else { return };
            let place = Place {
                node: self.program.node(open.node),
                frame: Some(number),
                input: Some(open.input()),
                raw_input: Some(&open.raw_input),
                ..Place::default()
            };
            match self.holds(*expr, &Value::Array(hearing.consumed.clone()), &place) {
                Ok(holds) => {
                    if let Some((_, _, hearing)) = self.hearing(number) {
                        hearing.enough = holds;
                    }
                }
                Err(error) => return self.fail_listen(number, error),
            }
        }
        self.heard_enough(number);
    }

    /// Ends a listen that has heard enough; else asks for what waits for it.
    fn heard_enough(&mut self, number: u64) {
        let Some((id, listen, hearing)) = self.hearing(number) else { return };
        if !hearing.enough {
            // While `foreach` ran its tasks, events were kept back.
            if listen.foreach.as_ref().is_some_and(|each| each.body.is_some()) {
                self.effect(Effect::Offer);
            }
            return;
        }
        let kept =
            if listen.foreach.is_some() { &mut hearing.outputs } else { &mut hearing.consumed };
        let output = Value::Array(std::mem::take(kept));
        let Some(frame) = self.state.frames.get(&number) else { return };
        let (Some(parent), Body::Task(open)) = (frame.parent, &frame.body) else { return };
        let (raw_input, input) = (open.raw_input.clone(), open.input().clone());
        self.finish(Ended {
            parent,
            frame: Some(number),
            node: id,
            raw_input: &raw_input,
            input: &input,
            output,
            flow: None,
        });
    }

    fn too_much(&mut self, number: u64) {
        let Some((id, ..)) = self.hearing(number) else { return };
        let pointer = self.program.node(id).map_or("", |node| node.pointer.as_str());
        let detail = format!(
            "a listen keeps at most {CONSUMED_MAX} events and {CONSUMED_BYTES_MAX} bytes of them"
        );
        let error = Error::new(ErrorKind::Runtime, pointer, detail);
        self.fail_listen(number, error);
    }

    fn fail_listen(&mut self, number: u64, error: Error) {
        let parent = self.state.frames.get(&number).and_then(|frame| frame.parent);
        self.close(number, End::Faulted(&error));
        self.queue.push_back(Op::Raise { parent, error });
    }

    fn hearing(&mut self, number: u64) -> Option<(NodeId, &'a Listen, &mut Hearing)> {
        let program = self.program;
        let open = self.task_frame(number)?;
        let Work::Listen(hearing) = &mut open.work else { return None };
        match &program.node(open.node)?.kind {
            Kind::Listen(listen) => Some((open.node, listen, hearing)),
            _ => None,
        }
    }
}

/// Every filter, those of `until` included.
fn filters(strategy: &Strategy) -> impl Iterator<Item = &crate::EventFilter> {
    let until = match strategy {
        Strategy::Any { until: Some(Until::Heard(strategy)), .. } => strategy.filters(),
        _ => &[],
    };
    strategy.filters().iter().chain(until)
}
