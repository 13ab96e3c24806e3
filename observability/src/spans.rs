//! The spans of a run, from its history.
//!
//! Every id follows from the run and from what the span stands for, so the same steps give the
//! same spans whoever asks and however often. The root is sent when the run ends, under the id
//! that its children name as their parent from the start.

mod attempt;
mod child;
mod text;

use kintsugi_core::{Error, Event, Input, RunId, Step, Timestamp};
use opentelemetry::trace::{SpanId, TraceId};

use self::text::{last_segment, number, set_error, short, text, text_of};
use crate::{
    SpanIndex, SpanKind, SpanRecord, TraceParent,
    context::{derived, root_span_id, trace_id},
    field,
    index::{Attempt, Retry, Takeover, Wait},
    record::service,
};

/// The run whose spans are made.
#[derive(Clone, Copy, Debug)]
pub struct RunSubject<'a> {
    /// The run.
    pub run: &'a RunId,
    /// Its definition, `namespace/name:version`.
    pub definition: &'a str,
    /// The `traceparent` that its start carried.
    pub trace_parent: Option<&'a str>,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// The spans that `steps` closed. `index` must be that of the history before `steps`; afterwards
/// it is that of the history with them.
#[must_use]
pub fn run_spans(
    subject: &RunSubject<'_>,
    index: &mut SpanIndex,
    steps: &[Step],
) -> Vec<SpanRecord> {
    let trace = trace_id(subject.run, subject.trace_parent);
    let mut maker = Maker { subject, trace, index, step: None, last_epoch: 0, spans: Vec::new() };
    for step in steps {
        maker.step(step);
    }
    maker.spans
}

struct Maker<'a> {
    subject: &'a RunSubject<'a>,
    trace: TraceId,
    index: &'a mut SpanIndex,
    step: Option<&'a Step>,
    /// The epoch of the attempt that ended last, which a retry does not name.
    last_epoch: u64,
    spans: Vec<SpanRecord>,
}

impl<'a> Maker<'a> {
    fn step(&mut self, step: &'a Step) {
        self.step = Some(step);
        if matches!(step.input, Input::Tick) {
            self.tries_due(step.at);
        }
        for event in &step.events {
            self.event(event, step.at);
        }
    }

    fn event(&mut self, event: &'a Event, at: Timestamp) {
        match event {
            Event::TaskDispatched { task, epoch, pointer, task_type, queue } => {
                self.dispatched(*task, at);
                let attempt = Attempt {
                    epoch: *epoch,
                    at,
                    pointer: pointer.clone(),
                    task_type: task_type.clone(),
                    queue: queue.clone(),
                    started_at: None,
                    worker: None,
                    timed_out: false,
                };
                self.index.attempts.insert(*task, attempt);
            }
            Event::TaskStarted { task, worker, .. } => {
                let reported = match self.step.map(|step| &step.input) {
                    Some(Input::Started { at, .. }) => Some(*at),
                    _ => None,
                };
                if let Some(attempt) = self.index.attempts.get_mut(task) {
                    attempt.started_at = Some(reported.unwrap_or(at));
                    attempt.worker = Some(worker.clone());
                }
            }
            Event::TaskCompleted { task, .. } => self.ended(*task, at, "completed", None),
            Event::TaskFailed { task, error, .. } => {
                let error = Some((last_segment(&error.kind), text_of(error)));
                self.ended(*task, at, "failed", error);
            }
            Event::TaskDeferred { task, .. } => self.ended(*task, at, "deferred", None),
            Event::TaskTimedOut { task, .. } => {
                if let Some(attempt) = self.index.attempts.get_mut(task) {
                    attempt.timed_out = true;
                }
            }
            Event::TaskLost { task, epoch, cause, worker, seen_at } => {
                self.lost(
                    *task,
                    at,
                    Takeover {
                        epoch: *epoch,
                        seen_at: *seen_at,
                        cause: *cause,
                        worker: worker.clone(),
                    },
                );
            }
            Event::TaskCancelled { task, .. } => {
                self.index.takeovers.remove(task);
                self.retry_over(*task, at, true);
                self.ended(*task, at, "cancelled", None);
            }
            Event::RetryScheduled { task, at: until, failures } => {
                let (epoch, until, failures) = (self.last_epoch, *until, *failures);
                self.index.retries.insert(*task, Retry { epoch, from: at, until, failures });
            }
            Event::TaskDeadLettered { task, epoch, error, .. } => {
                self.dead(*task, *epoch, error, at);
            }
            Event::TaskRedriven { task, edited } => self.redriven(*task, *edited, at),
            other => self.event_of_run(other, at),
        }
    }

    fn event_of_run(&mut self, event: &'a Event, at: Timestamp) {
        match event {
            Event::ResultRefused { task, epoch, current, worker } => {
                self.refused(*task, *epoch, *current, worker.as_deref(), at);
            }
            Event::TimerStarted { pointer, due_at } => self.wait(pointer, false, at, *due_at),
            Event::TimerFired { pointer } => self.wait_over(pointer, at, false),
            Event::ErrorCaught { pointer, retry_at: Some(until), .. } => {
                self.wait(pointer, true, at, *until);
            }
            Event::Child(event) => self.child(event, at),
            Event::RunCompleted => self.run_over(at, "completed", None),
            Event::RunFaulted { error } => self.run_over(at, "faulted", Some(error)),
            Event::RunCancelled { .. } => self.run_over(at, "cancelled", None),
            _ => {}
        }
    }

    /// What an attempt, a timer or a dead letter is part of: the run, or its life since a redrive.
    fn parent(&self) -> SpanId {
        match self.index.lives {
            0 => root_span_id(self.subject.run),
            life => derived("life", self.subject.run, &[life]),
        }
    }

    fn span(&self, span: SpanId, name: &str, start: Timestamp, end: Timestamp) -> SpanRecord {
        SpanRecord {
            trace: self.trace,
            span,
            parent: Some(self.parent()),
            parent_is_remote: false,
            name: name.to_owned(),
            kind: SpanKind::Internal,
            start: start.min(end),
            end,
            attributes: vec![(field::RUN_ID, text(self.subject.run.as_str()))],
            events: Vec::new(),
            links: Vec::new(),
            error: None,
            service: service::ORCHESTRATOR,
        }
    }

    fn wait(&mut self, pointer: &str, is_retry: bool, from: Timestamp, until: Timestamp) {
        // Left open by a scope that was closed around it.
        self.wait_over(pointer, from, true);
        self.index.waited += 1;
        let wait = Wait { number: self.index.waited, is_retry, from, until };
        self.index.waits.insert(pointer.to_owned(), wait);
    }

    fn tries_due(&mut self, now: Timestamp) {
        let waits = self.index.waits.iter();
        let due = waits.filter(|(_, wait)| wait.is_retry && wait.until <= now);
        let due = due.map(|(pointer, _)| pointer.clone()).collect::<Vec<_>>();
        for pointer in due {
            self.wait_over(&pointer, now, false);
        }
    }

    fn wait_over(&mut self, pointer: &str, at: Timestamp, cancelled: bool) {
        let Some(wait) = self.index.waits.remove(pointer) else { return };
        let name = if wait.is_retry { "retry delay" } else { "timer" };
        let id = derived("wait", self.subject.run, &[wait.number]);
        let mut span = self.span(id, name, wait.from, at);
        span.service = service::RETRY_ENGINE;
        span.attributes.extend([
            (field::TASK_POINTER, text(pointer)),
            (field::DELAY_MS, number(wait.until.since(wait.from))),
        ]);
        if cancelled {
            span.attributes.push((field::ATTEMPT_OUTCOME, text("cancelled")));
        }
        self.spans.push(span);
    }

    /// The run ended: what is still open ends with it, and then its own span.
    fn run_over(&mut self, at: Timestamp, status: &'static str, error: Option<&Error>) {
        for task in self.index.attempts.keys().copied().collect::<Vec<_>>() {
            self.ended(task, at, "cancelled", None);
        }
        for task in self.index.children.keys().copied().collect::<Vec<_>>() {
            self.child_over(task, at, "cancelled", None);
        }
        for task in self.index.retries.keys().copied().collect::<Vec<_>>() {
            self.retry_over(task, at, true);
        }
        for pointer in self.index.waits.keys().cloned().collect::<Vec<_>>() {
            self.wait_over(&pointer, at, true);
        }
        self.index.takeovers.clear();
        let (name, _) =
            self.subject.definition.split_once(':').unwrap_or((self.subject.definition, ""));
        let root = root_span_id(self.subject.run);
        let mut span = if self.index.lives == 0 {
            let mut span = self.span(root, &format!("run {name}"), self.subject.created_at, at);
            let parent = self.subject.trace_parent.and_then(TraceParent::parse);
            (span.parent, span.parent_is_remote) = (parent.map(|p| p.span), parent.is_some());
            span
        } else {
            let name = format!("run {name} again");
            let mut span = self.span(self.parent(), &name, self.index.revived_at, at);
            span.parent = Some(root);
            span
        };
        span.attributes.extend([
            (field::DEFINITION, text(self.subject.definition)),
            (field::RUN_STATUS, text(status)),
        ]);
        if let Some(Input::Cancel { reason: Some(reason) }) = self.step.map(|step| &step.input) {
            span.attributes.push((field::CANCEL_REASON, text(&short(reason))));
        }
        if let Some(error) = error {
            set_error(&mut span, at, last_segment(&error.kind), &text_of(error));
        }
        self.spans.push(span);
        self.index.is_over = true;
    }
}
