//! What people and systems outside hear of a run.

use kintsugi_core::{ChildEvent, DefinitionRef, Event, Program, Step};
use kintsugi_nats::{Bus, LifeBatch, LifeEvent, Place, RunLife};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::debug;

use kintsugi_deciding::{Changed, Run};

/// How many batches of events may wait to be published.
const BATCHES_MAX: usize = 1_024;

/// Publishes events in order, beside the hot path: waiting for the broker to store them would hold
/// up the next decision.
pub(crate) fn publisher(bus: Bus) -> mpsc::Sender<LifeBatch> {
    let (sender, mut batches) = mpsc::channel(BATCHES_MAX);
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while batches.recv_many(&mut waiting, 64).await > 0 {
            if let Err(error) = bus.tell_life(std::mem::take(&mut waiting)).await {
                debug!(error = &error as &dyn std::error::Error, "lifecycle events not published");
            }
        }
    });
    sender
}

/// Adds the lifecycle events of the specification that follow from steps: from their events only
/// where nobody watched the machine, else from every moment of every task.
pub(crate) fn events(run: &Run, program: &Program, changed: &Changed, all: &mut LifeBatch) {
    let Some(teller) = teller(run, program, changed) else { return };
    let version = run.version;
    for (position, step) in changed.steps.iter().enumerate() {
        if let Some(told) = changed.moments.get(position) {
            let mut events = Vec::new();
            teller.moments(position, step, told, &mut events);
            for event in &events {
                push(all, event);
            }
            continue;
        }
        let time = step.at.to_rfc3339();
        for (index, event) in step.events.iter().enumerate() {
            if let Some((kind, moment)) = plain(event) {
                teller.plain((kind, moment), (version, position, index), &time, event, all);
            } else if let Some(event) = teller.event(position, step, index) {
                push(all, &event);
            }
        }
    }
}

fn teller<'t>(run: &'t Run, program: &'t Program, changed: &'t Changed) -> Option<Teller<'t>> {
    let definition = DefinitionRef::parse(&run.definition).ok()?;
    let trace = run.trace.traceparent();
    let name = format!("{}-{}.{}", definition.name, changed.run, definition.namespace);
    Some(Teller { run, program, changed, definition, name, trace })
}

fn push(all: &mut LifeBatch, event: &LifeEvent) {
    if let Err(error) = all.push(event) {
        debug!(error = &error as &dyn std::error::Error, "a lifecycle event is left out");
    }
}

/// The type of an event that says no more than which and when, and what it calls that: nearly all are
/// such.
fn plain(event: &Event) -> Option<(&'static str, &'static str)> {
    match event {
        Event::RunStarted => Some(("workflow.started", "startedAt")),
        Event::RunCompleted => Some(("workflow.completed", "completedAt")),
        Event::TaskCompleted { .. } => Some(("task.completed", "completedAt")),
        _ => None,
    }
}

/// Tells what happened to one run.
pub(crate) struct Teller<'t> {
    pub(crate) run: &'t Run,
    pub(crate) program: &'t Program,
    pub(crate) changed: &'t Changed,
    pub(crate) definition: DefinitionRef,
    /// The run's qualified name.
    pub(crate) name: String,
    pub(crate) trace: String,
}

impl Teller<'_> {
    /// Writes an event that is plain as [`Teller::event`] makes it.
    fn plain(
        &self,
        (kind, moment): (&str, &str),
        (version, position, index): (i64, usize, usize),
        time: &str,
        event: &Event,
        all: &mut LifeBatch,
    ) {
        let definition = &self.definition;
        let of = RunLife { definition, run: &self.changed.run, traceparent: &self.trace };
        let (attempt, tasknumber) = (attempt(event), task(event));
        let place = Place { version, position, index, time, attempt, tasknumber };
        all.write(of, kind, place, |data| {
            if let Some(number) = tasknumber {
                data.texts(&["{\"workflow\":\"", &self.name, "\",\"task\":"]);
                data.json(&reference(number, self.run, self.program, self.changed));
                data.texts(&[","]);
            } else {
                data.texts(&["{\"name\":\"", &self.name, "\","]);
            }
            data.texts(&["\"", moment, "\":\"", time, "\""]);
            if matches!(event, Event::RunStarted) {
                let DefinitionRef { namespace, name, version } = definition;
                data.texts(&[
                    ",\"definition\":{\"namespace\":\"",
                    namespace,
                    "\",\"name\":\"",
                    name,
                ]);
                data.texts(&["\",\"version\":\"", version, "\"}"]);
            }
            data.texts(&["}"]);
        });
    }

    /// What follows from the event at `index` of a step.
    pub(crate) fn event(&self, position: usize, step: &Step, index: usize) -> Option<LifeEvent> {
        let event = step.events.get(index)?;
        let task = task(event);
        if let Event::TaskCancelled { task, .. } = event
            && crate::steer::ends(step, *task)
        {
            return None;
        }
        let pointer =
            task.and_then(|number| reference(number, self.run, self.program, self.changed));
        let about = About { workflow: &self.name, task: pointer, at: step.at.to_rfc3339() };
        let (kind, mut data) = life(event, &about)?;
        if matches!(event, Event::RunStarted) {
            let DefinitionRef { namespace, name, version } = &self.definition;
            data["definition"] =
                json!({ "namespace": namespace, "name": name, "version": version });
        }
        let (id, version) = (&self.changed.run, self.run.version);
        let event_id = format!("{id}:{version}:{position}:{index}");
        let mut made = LifeEvent::new(&self.definition, id, kind, event_id, step.at, data);
        made.attempt = attempt(event);
        made.tasknumber = task;
        made.traceparent = Some(self.trace.clone());
        made.sequence = Some(LifeEvent::place(version, position, index));
        Some(made)
    }
}

/// The JSON pointer of a task: of an open one the state knows it, the others closed just now.
fn reference<'p>(
    number: u64,
    run: &Run,
    program: &'p Program,
    changed: &Changed,
) -> Option<&'p str> {
    let closed = || {
        let found = changed.closed.binary_search_by_key(&number, |(closed, _)| *closed);
        found.ok().map(|index| changed.closed[index].1)
    };
    let node = program.node(run.state.node(number).or_else(closed)?)?;
    Some(&node.pointer)
}

/// The attempt that an event is about.
fn attempt(event: &Event) -> Option<u64> {
    match event {
        Event::TaskStarted { epoch, .. }
        | Event::TaskCompleted { epoch, .. }
        | Event::TaskFailed { epoch, .. }
        | Event::TaskLost { epoch, .. }
        | Event::TaskDeadLettered { epoch, .. }
        | Event::TaskCancelled { epoch, .. } => Some(*epoch),
        _ => None,
    }
}

/// The number of the task that an event is about, where it has one.
fn task(event: &Event) -> Option<u64> {
    match event {
        Event::TaskStarted { task, .. }
        | Event::TaskCompleted { task, .. }
        | Event::TaskFailed { task, .. }
        | Event::TaskLost { task, .. }
        | Event::RetryScheduled { task, .. }
        | Event::TaskDeadLettered { task, .. }
        | Event::TaskCancelled { task, .. }
        | Event::TaskRedriven { task, .. }
        | Event::ListenStarted { task, .. }
        | Event::ListenEnded { task, .. }
        | Event::EventReceived { task, .. }
        | Event::HumanTaskAsked { task, .. }
        | Event::HumanTaskDue { task, .. }
        | Event::HumanTaskAnswered { task, .. }
        | Event::HumanTaskWithdrawn { task, .. }
        | Event::Child(
            ChildEvent::Started { task, .. }
            | ChildEvent::Completed { task, .. }
            | ChildEvent::Failed { task, .. }
            | ChildEvent::Cancelled { task, .. }
            | ChildEvent::Resumed { task, .. },
        ) => Some(*task),
        Event::Steered(event) => event.done.task().map(|(task, _)| task),
        _ => None,
    }
}

/// What every event of one kind of subject says.
struct About<'a> {
    /// The run's qualified name.
    workflow: &'a str,
    /// The task's reference.
    task: Option<&'a str>,
    at: String,
}

impl About<'_> {
    fn workflow(&self, moment: &str) -> Value {
        json!({ "name": self.workflow, moment: self.at })
    }

    fn task(&self, moment: &str) -> Value {
        json!({ "workflow": self.workflow, "task": self.task, moment: self.at })
    }

    /// To the specification a correlation is the workflow's; the task says which.
    fn listen(&self, moment: &str) -> Value {
        json!({ "name": self.workflow, "task": self.task, moment: self.at })
    }
}

fn life(event: &Event, about: &About<'_>) -> Option<(&'static str, Value)> {
    let with = |mut data: Value, field: &str, value: Value| {
        data[field] = value;
        data
    };
    Some(match event {
        Event::RunStarted => ("workflow.started", about.workflow("startedAt")),
        Event::RunCompleted => ("workflow.completed", about.workflow("completedAt")),
        Event::RunFaulted { error } => {
            ("workflow.faulted", with(about.workflow("faultedAt"), "error", json!(error)))
        }
        Event::RunCancelled { .. } => ("workflow.cancelled", about.workflow("cancelledAt")),
        Event::TaskStarted { worker, .. } => {
            ("task.started", with(about.task("startedAt"), "worker", worker.as_str().into()))
        }
        Event::TaskCompleted { .. } => ("task.completed", about.task("completedAt")),
        Event::TaskFailed { error, .. } => {
            ("task.faulted", with(about.task("faultedAt"), "error", json!(error)))
        }
        Event::TaskLost { cause, worker, .. } => {
            let data = with(about.task("lostAt"), "cause", json!(cause));
            ("task.lost", with(data, "worker", json!(worker)))
        }
        Event::RetryScheduled { at: due, .. } => {
            ("task.retried", with(about.task("retriedAt"), "retriedAt", due.to_rfc3339().into()))
        }
        Event::TaskDeadLettered { error, .. } => {
            ("task.dead-lettered", with(about.task("deadLetteredAt"), "error", json!(error)))
        }
        Event::TaskCancelled { .. } => ("task.cancelled", about.task("cancelledAt")),
        Event::TaskRedriven { .. } => ("task.redriven", about.task("redrivenAt")),
        Event::ListenStarted { .. } => ("workflow.correlation-started", about.listen("startedAt")),
        Event::ListenEnded { count, .. } => (
            "workflow.correlation-completed",
            with(about.listen("completedAt"), "events", json!(count)),
        ),
        Event::EventReceived { id, source, kind, .. } => {
            let received = json!({ "id": id, "source": source, "type": kind });
            ("event.received", with(about.task("receivedAt"), "event", received))
        }
        Event::EventEmitted { id, kind, pointer } => {
            let about = About { task: Some(pointer), at: about.at.clone(), ..*about };
            let emitted = json!({ "id": id, "type": kind });
            ("event.emitted", with(about.task("emittedAt"), "event", emitted))
        }
        Event::Child(event) => child(event, about),
        Event::Steered(event) => return crate::steer::life(event, about.workflow, &about.at),
        _ => return crate::people::life(event, about.workflow, &about.at),
    })
}

/// A task that runs another workflow is a task like any other; the child tells of itself.
fn child(event: &ChildEvent, about: &About<'_>) -> (&'static str, Value) {
    let (kind, moment, run) = match event {
        ChildEvent::Started { run, .. } => ("task.started", "startedAt", Some(run)),
        ChildEvent::Completed { run, .. } => ("task.completed", "completedAt", Some(run)),
        ChildEvent::Failed { run, .. } => ("task.faulted", "faultedAt", run.as_ref()),
        ChildEvent::Cancelled { run, .. } => ("task.cancelled", "cancelledAt", Some(run)),
        ChildEvent::Resumed { run, .. } => ("task.resumed", "resumedAt", Some(run)),
    };
    let mut data = about.task(moment);
    data["run"] = json!(run);
    if let ChildEvent::Failed { error, .. } = event {
        data["error"] = json!(error);
    }
    (kind, data)
}

#[cfg(test)]
mod tests {
    use kintsugi_core::{Input, Machine, RunId, RunState, Timestamp};
    use kintsugi_definition::{Expressions, Limits, Resources, program_from_document};

    use super::*;

    /// What is written, which is what would be made.
    fn written(run: &Run, program: &Program, changed: &Changed) -> Vec<LifeEvent> {
        let mut all = LifeBatch::default();
        events(run, program, changed, &mut all);
        let read = all.messages().map(|(_, payload)| serde_json::from_slice(&payload).unwrap());
        let all: Vec<LifeEvent> = read.collect();
        let (teller, mut made) = (teller(run, program, changed).unwrap(), Vec::new());
        for (position, step) in changed.steps.iter().enumerate() {
            made.extend((0..step.events.len()).filter_map(|at| teller.event(position, step, at)));
        }
        assert_eq!(all, made);
        all
    }

    #[test]
    fn tasks_are_named_by_their_reference_whether_they_are_open_or_closed() {
        let document = json!({
            "document": { "dsl": "1.0.0", "namespace": "shop", "name": "order", "version": "1.0.0" },
            "do": [
                { "each": { "for": { "in": "${ [1, 2] }" }, "do": [{ "step": { "call": "step" } }] } },
                { "race": { "fork": { "compete": true, "branches": [
                    { "one": { "call": "one" } },
                    { "two": { "call": "two" } },
                ] } } },
                { "last": { "call": "last" } },
            ],
        });
        let program = program_from_document(&document, &Resources::default()).unwrap();
        let expressions = Expressions::new(&program, Limits::default()).unwrap();
        let id = RunId::parse("r").unwrap();
        let mut state = RunState::new(Value::Null, Timestamp(0));
        let mut changed =
            Changed { run: id.clone(), steps: Vec::new(), closed: Vec::new(), moments: Vec::new() };
        let completed = |state: &RunState| Input::Completed {
            task: state.tasks().next().unwrap().task,
            epoch: 1,
            output: Value::Null,
            worker: "w".to_owned(),
            started_at: None,
        };
        let mut tell = |input: &dyn Fn(&RunState) -> Input| {
            let (at, input) = (Timestamp(0), input(&state));
            let told = Machine::advance(&id, &program, &expressions, &mut state, &input, at);
            changed.steps.push(Step { at, input, events: told.events });
            changed.closed.extend(told.closed);
        };
        tell(&|_| Input::Start);
        for _ in 0..3 {
            tell(&completed);
        }
        tell(&|state| Input::Started {
            task: state.tasks().next().unwrap().task,
            epoch: 1,
            worker: "w".to_owned(),
            at: Timestamp(0),
        });
        tell(&completed);
        changed.closed.sort_unstable_by_key(|(number, _)| *number);
        let run = Run {
            definition: "shop/order:1.0.0".to_owned(),
            version: 1,
            wake_at: None,
            updated_at: Timestamp(0),
            ended_at: None,
            trace_parent: None,
            trace: kintsugi_observability::RunTrace::of(&id, None),
            state,
        };
        let all = written(&run, &program, &changed);
        let (each, race) = ("/do/0/each/do/0/step", "/do/1/race/fork/branches");
        let wanted = [
            ("workflow.started", None),
            ("task.completed", Some(each.to_owned())),
            ("task.completed", Some(each.to_owned())),
            ("task.completed", Some(format!("{race}/0/one"))),
            ("task.cancelled", Some(format!("{race}/1/two"))),
            ("task.started", Some("/do/2/last".to_owned())),
            ("task.completed", Some("/do/2/last".to_owned())),
            ("workflow.completed", None),
        ];
        let said = |event: &LifeEvent| event.data["task"].as_str().map(str::to_owned);
        let got: Vec<_> = all.iter().map(|event| (event.event(), said(event))).collect();
        assert_eq!(got, wanted);
        let mut numbers: Vec<_> = all.iter().filter_map(|event| event.tasknumber).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), 5, "iterations are told apart by their number");
    }
}
