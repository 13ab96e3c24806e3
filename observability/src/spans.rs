//! The spans of a run, from its history.
//!
//! Every id follows from the run and from what the span stands for, so the same steps give the
//! same spans whoever asks and however often. The root is sent when the run ends, under the id
//! that its children name as their parent from the start.

use kintsugi_core::{Error, Event, Input, LossCause, RunId, Step, Timestamp};
use opentelemetry::{
    Value,
    trace::{SpanId, TraceId},
};

use crate::{
    SpanEvent, SpanIndex, SpanKind, SpanRecord, TraceParent,
    context::{derived, root_span_id, span_id, trace_id},
    field,
    index::{Attempt, Retry, Takeover, Wait},
    record::service,
};

/// Characters of an error that a span carries.
const ERROR_CHARS_MAX: usize = 512;

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

/// How an attempt ended.
struct End<'a> {
    outcome: &'static str,
    error: Option<(&'a str, String)>,
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
            Event::TaskDeadLettered { task, epoch, error } => self.dead(*task, *epoch, error, at),
            Event::TaskRedriven { task, edited } => self.redriven(*task, *edited, at),
            Event::ResultRefused { task, epoch, current, worker } => {
                self.refused(*task, *epoch, *current, worker.as_deref(), at);
            }
            Event::TimerStarted { pointer, due_at } => self.wait(pointer, false, at, *due_at),
            Event::TimerFired { pointer } => self.wait_over(pointer, at, false),
            Event::ErrorCaught { pointer, retry_at: Some(until), .. } => {
                self.wait(pointer, true, at, *until);
            }
            Event::RunCompleted => self.run_over(at, "completed", None),
            Event::RunFaulted { error } => self.run_over(at, "faulted", Some(error)),
            Event::RunCancelled { .. } => self.run_over(at, "cancelled", None),
            Event::RunStarted
            | Event::TaskEntered { .. }
            | Event::TaskLeft { .. }
            | Event::TaskSkipped { .. }
            | Event::ErrorCaught { .. } => {}
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

    fn task(&self, task: u64) -> Value {
        format!("{}:{task}", self.subject.run).into()
    }

    fn ended(
        &mut self,
        task: u64,
        at: Timestamp,
        outcome: &'static str,
        error: Option<(&str, String)>,
    ) {
        let Some(mut attempt) = self.index.attempts.remove(&task) else { return };
        self.last_epoch = attempt.epoch;
        if let Some((began, worker)) = self.step.and_then(|step| report(&step.input, task)) {
            attempt.started_at = began.or(attempt.started_at);
            attempt.worker = Some(worker.to_owned());
        }
        let outcome = if attempt.timed_out && outcome == "failed" { "timed_out" } else { outcome };
        let span = self.attempt_span(task, &attempt, at, End { outcome, error });
        self.spans.push(span);
    }

    fn attempt_span(
        &self,
        task: u64,
        attempt: &Attempt,
        at: Timestamp,
        end: End<'_>,
    ) -> SpanRecord {
        let run = self.subject.run;
        let subject = format!("kintsugi.tasks.{}.{}", attempt.queue, attempt.task_type);
        let name = format!("process {subject}");
        let mut span = self.span(span_id(run, task, attempt.epoch), &name, attempt.at, at);
        (span.kind, span.service) = (SpanKind::Consumer, service::WORKER);
        span.attributes.extend([
            (field::TASK_ID, self.task(task)),
            (field::TASK_EPOCH, number(attempt.epoch)),
            (field::TASK_POINTER, text(&attempt.pointer)),
            (field::TASK_TYPE, text(&attempt.task_type)),
            (field::TASK_QUEUE, text(&attempt.queue)),
            (field::ATTEMPT_OUTCOME, text(end.outcome)),
            (field::MESSAGING_SYSTEM, text("nats")),
            (field::MESSAGING_OPERATION_NAME, text("process")),
            (field::MESSAGING_OPERATION_TYPE, text("process")),
            (field::MESSAGING_DESTINATION, subject.into()),
            (field::MESSAGING_CONVERSATION, text(run.as_str())),
        ]);
        span.events.push(SpanEvent { at: attempt.at, name: "queued", attributes: Vec::new() });
        if let Some(began) = attempt.started_at {
            // By the worker's clock: it may be off.
            let began = began.clamp(attempt.at, at.max(attempt.at));
            let waited = number(began.since(attempt.at));
            span.attributes.push((field::QUEUE_WAIT_MS, waited.clone()));
            span.attributes.push((field::EXECUTION_MS, number(at.since(began))));
            let attributes = vec![(field::QUEUE_WAIT_MS, waited)];
            span.events.push(SpanEvent { at: began, name: "started", attributes });
        }
        if let Some(worker) = &attempt.worker {
            span.attributes.push((field::WORKER, text(worker)));
        }
        if attempt.epoch > 1 {
            span.links.push(span_id(run, task, attempt.epoch - 1));
        }
        if let Some((kind, message)) = end.error {
            set_error(&mut span, at, kind, &message);
        }
        span
    }

    fn lost(&mut self, task: u64, at: Timestamp, takeover: Takeover) {
        let cause = cause_name(takeover.cause);
        if let Some(attempt) = self.index.attempts.get_mut(&task) {
            attempt.worker = takeover.worker.clone().or(attempt.worker.take());
        }
        self.ended(task, at, "lost", Some((cause, format!("the attempt was lost: {cause}"))));
        if let Some(span) = self
            .spans
            .last_mut()
            .filter(|span| span.span == span_id(self.subject.run, task, takeover.epoch))
        {
            span.attributes.push((field::LOSS_CAUSE, text(cause)));
        }
        self.last_epoch = takeover.epoch;
        self.index.takeovers.insert(task, takeover);
    }

    /// The next attempt is given out: the delay before it and the takeover are over.
    fn dispatched(&mut self, task: u64, at: Timestamp) {
        self.retry_over(task, at, false);
        let Some(lost) = self.index.takeovers.remove(&task) else { return };
        let id = derived("takeover", self.subject.run, &[task, lost.epoch]);
        let mut span = self.span(id, "takeover", lost.seen_at, at);
        span.service = service::FAILURE_DETECTOR;
        span.attributes.extend([
            (field::TASK_ID, self.task(task)),
            (field::TASK_EPOCH, number(lost.epoch)),
            (field::LOSS_CAUSE, text(cause_name(lost.cause))),
        ]);
        if let Some(worker) = &lost.worker {
            span.attributes.push((field::WORKER, text(worker)));
        }
        span.links.push(span_id(self.subject.run, task, lost.epoch));
        self.spans.push(span);
    }

    fn retry_over(&mut self, task: u64, at: Timestamp, cancelled: bool) {
        let Some(retry) = self.index.retries.remove(&task) else { return };
        let id = derived("retry", self.subject.run, &[task, retry.epoch]);
        let mut span = self.span(id, "retry delay", retry.from, at);
        span.service = service::RETRY_ENGINE;
        span.attributes.extend([
            (field::TASK_ID, self.task(task)),
            (field::TASK_EPOCH, number(retry.epoch)),
            (field::TASK_FAILURES, number(u64::from(retry.failures))),
            (field::DELAY_MS, number(retry.until.since(retry.from))),
        ]);
        if cancelled {
            span.attributes.push((field::ATTEMPT_OUTCOME, text("cancelled")));
        }
        span.links.push(span_id(self.subject.run, task, retry.epoch));
        self.spans.push(span);
    }

    fn dead(&mut self, task: u64, epoch: u64, error: &Error, at: Timestamp) {
        self.index.takeovers.remove(&task);
        let id = derived("dead letter", self.subject.run, &[task, epoch]);
        let mut span = self.span(id, "dead letter", at, at);
        span.service = service::RETRY_ENGINE;
        span.attributes
            .extend([(field::TASK_ID, self.task(task)), (field::TASK_EPOCH, number(epoch))]);
        span.links.push(span_id(self.subject.run, task, epoch));
        set_error(&mut span, at, last_segment(&error.kind), &text_of(error));
        self.spans.push(span);
    }

    fn redriven(&mut self, task: u64, edited: bool, at: Timestamp) {
        if self.index.is_over {
            self.index.is_over = false;
            self.index.lives += 1;
            self.index.revived_at = at;
        }
        self.index.waited += 1;
        let id = derived("redrive", self.subject.run, &[task, self.index.waited]);
        let mut span = self.span(id, "redrive", at, at);
        span.attributes
            .extend([(field::TASK_ID, self.task(task)), (field::REDRIVE_EDITED, edited.into())]);
        self.spans.push(span);
    }

    /// A zombie's late result: part of the attempt that it belonged to.
    fn refused(
        &mut self,
        task: u64,
        epoch: u64,
        current: u64,
        worker: Option<&str>,
        at: Timestamp,
    ) {
        self.index.waited += 1;
        let id = derived("refused", self.subject.run, &[task, epoch, self.index.waited]);
        let mut span = self.span(id, "refuse late result", at, at);
        span.parent = Some(span_id(self.subject.run, task, epoch));
        span.attributes.extend([
            (field::TASK_ID, self.task(task)),
            (field::TASK_EPOCH, number(epoch)),
            (field::TASK_EPOCH_CURRENT, number(current)),
            (field::ATTEMPT_OUTCOME, text("fenced")),
        ]);
        if let Some(worker) = worker {
            span.attributes.push((field::WORKER, text(worker)));
        }
        let message = format!("epoch {epoch} is over; epoch {current} counts");
        set_error(&mut span, at, "fenced", &message);
        self.spans.push(span);
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

/// What a worker's result says about when it began and who it is.
fn report(input: &Input, of: u64) -> Option<(Option<Timestamp>, &str)> {
    match input {
        Input::Completed { task, started_at, worker, .. }
        | Input::Failed { task, started_at, worker, .. }
            if *task == of =>
        {
            Some((*started_at, worker))
        }
        _ => None,
    }
}

fn set_error(span: &mut SpanRecord, at: Timestamp, kind: &str, message: &str) {
    let message = short(message);
    span.attributes.push((field::ERROR_TYPE, text(kind)));
    span.events.push(SpanEvent {
        at,
        name: "exception",
        attributes: vec![("exception.type", text(kind)), ("exception.message", text(&message))],
    });
    span.error = Some(message);
}

fn text_of(error: &Error) -> String {
    error.detail.as_ref().or(error.title.as_ref()).unwrap_or(&error.kind).clone()
}

/// Types of errors are URIs; their last segment is what differs.
fn last_segment(uri: &str) -> &str {
    uri.rsplit('/').next().filter(|segment| !segment.is_empty()).unwrap_or(uri)
}

fn cause_name(cause: LossCause) -> &'static str {
    match cause {
        LossCause::WorkerDead => "worker_dead",
        LossCause::WorkerFrozen => "worker_frozen",
        LossCause::LeaseDropped => "lease_dropped",
        LossCause::Redelivered => "redelivered",
        LossCause::Undeliverable => "undeliverable",
        LossCause::MessageLost => "message_lost",
    }
}

fn short(text: &str) -> String {
    text.chars().take(ERROR_CHARS_MAX).collect()
}

fn text(text: &str) -> Value {
    text.to_owned().into()
}

fn number(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
