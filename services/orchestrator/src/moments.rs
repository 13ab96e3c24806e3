//! Every lifecycle event that the specification names, from what a watched machine tells.
//!
//! Each moment gives the event of its name, then a change of status. What the history has an event of
//! is told from there, where it says more: the worker, the attempt, the other run.

use kintsugi_core::{Input, Moment, Status, Step, Timestamp, Turn};
use kintsugi_nats::LifeEvent;
use serde_json::{Value, json};

use crate::life::Teller;

/// What events of the history tell as the specification does, and moments too.
const OF_BOTH: [&str; 4] = ["task.started", "task.completed", "task.faulted", "task.cancelled"];

/// Where a moment stands.
#[derive(Clone, Copy)]
struct At {
    position: usize,
    /// The events before it.
    after: usize,
    /// What was told of the step before it.
    nth: usize,
}

impl Teller<'_> {
    /// Adds all that follows from a step.
    pub(crate) fn moments(
        &self,
        position: usize,
        step: &Step,
        moments: &[Moment],
        all: &mut Vec<LifeEvent>,
    ) {
        let mut moments = moments.iter().peekable();
        // What an event says of a task, until the moment comes that says whether it is so: a task
        // whose output is refused did not complete, whatever its worker did.
        let mut said: Option<LifeEvent> = None;
        let before = all.len();
        for index in 0..=step.events.len() {
            while let Some(moment) = moments.next_if(|moment| moment.after <= index) {
                let at = At { position, after: moment.after, nth: all.len() - before };
                let of_it = said.take_if(|said| said.tasknumber == moment.number);
                all.extend(said.take());
                let by_hand = moment.turn == Turn::Ended
                    && moment.number.is_some_and(|number| crate::steer::ends(step, number));
                let turned = name(moment).filter(|_| !by_hand).and_then(|name| {
                    of_it
                        .filter(|said| said.event() == name)
                        .or_else(|| self.turn(at, step, moment))
                });
                all.extend(turned);
                let at = At { nth: all.len() - before, ..at };
                all.push(self.status(at, step, moment));
            }
            all.extend(said.take());
            match self.event(position, step, index) {
                Some(made) if OF_BOTH.contains(&made.event()) => said = Some(made),
                made => all.extend(made),
            }
        }
    }

    /// The event of a moment's own name.
    fn turn(&self, at: At, step: &Step, moment: &Moment) -> Option<LifeEvent> {
        let kind = name(moment)?;
        let when = when(step, moment);
        let mut data = self.task(moment);
        data[kind.replacen("task.", "", 1) + "At"] = when.to_rfc3339().into();
        if let Some(error) = &moment.error {
            data["error"] = json!(error);
        }
        let short = short(step, moment);
        if let Some((worker, ..)) = short {
            data["worker"] = worker.into();
        }
        let mut made = self.made(at, kind, step, moment, data);
        made.attempt = short.map(|(_, epoch, _)| epoch);
        Some(made)
    }

    fn status(&self, at: At, step: &Step, moment: &Moment) -> LifeEvent {
        let (kind, mut data) = match moment.node {
            Some(_) => ("task.status-changed", self.task(moment)),
            None => ("workflow.status-changed", json!({ "name": self.name })),
        };
        data["updatedAt"] = when(step, moment).to_rfc3339().into();
        data["status"] = moment.status.as_str().into();
        self.made(at, kind, step, moment, data)
    }

    fn task(&self, moment: &Moment) -> Value {
        let node = moment.node.and_then(|node| self.program.node(node));
        json!({ "workflow": self.name, "task": node.map(|node| &node.pointer) })
    }

    fn made(
        &self,
        At { position, after, nth }: At,
        kind: &str,
        step: &Step,
        moment: &Moment,
        data: Value,
    ) -> LifeEvent {
        let (run, version) = (&self.changed.run, self.run.version);
        let id = format!("{run}:{version}:{position}:{after}.{nth}");
        let mut made = LifeEvent::new(&self.definition, run, kind, id, step.at, data);
        made.tasknumber = moment.number;
        made.traceparent = Some(self.trace.clone());
        made.sequence = Some(LifeEvent::place_between(version, position, after, nth));
        made
    }
}

/// What a moment is called; none: an event of the history says it in its own words.
fn name(moment: &Moment) -> Option<&'static str> {
    moment.node?;
    Some(match (moment.turn, moment.status) {
        (Turn::Created, _) => "task.created",
        (Turn::Started, _) => "task.started",
        (Turn::Ended, Status::Completed) => "task.completed",
        (Turn::Ended, Status::Cancelled) => "task.cancelled",
        (Turn::Ended, _) => "task.faulted",
        (Turn::Again, _) => return None,
    })
}

/// Worker, attempt and beginning of an attempt that was short: its worker tells of it with the result.
fn short<'s>(step: &'s Step, moment: &Moment) -> Option<(&'s str, u64, Option<Timestamp>)> {
    let (Input::Completed { task, epoch, worker, started_at, .. }
    | Input::Failed { task, epoch, worker, started_at, .. }) = &step.input
    else {
        return None;
    };
    let is_it = moment.turn == Turn::Started && moment.number == Some(*task);
    is_it.then_some((worker.as_str(), *epoch, *started_at))
}

/// When it was, by the engine's clock; a worker's may be ahead.
fn when(step: &Step, moment: &Moment) -> Timestamp {
    let began = short(step, moment).and_then(|(_, _, began)| began);
    began.map_or(step.at, |began| began.min(step.at))
}

#[cfg(test)]
mod tests;
