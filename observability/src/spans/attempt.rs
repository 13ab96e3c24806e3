//! Spans of attempts and of what is between them.

use kintsugi_core::{Error, Input, Timestamp};
use opentelemetry::Value;

use super::{
    Maker,
    text::{last_segment, number, set_error, text, text_of},
};
use crate::{
    SpanEvent, SpanKind, SpanRecord,
    context::{derived, span_id},
    field,
    index::{Attempt, Takeover},
    record::service,
};

/// How an attempt ended.
struct End<'a> {
    outcome: &'static str,
    error: Option<(&'a str, String)>,
}

impl Maker<'_> {
    pub(super) fn ended(
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

    pub(super) fn lost(&mut self, task: u64, at: Timestamp, takeover: Takeover) {
        let cause = takeover.cause.as_str();
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
    pub(super) fn dispatched(&mut self, task: u64, at: Timestamp) {
        self.retry_over(task, at, false);
        let Some(lost) = self.index.takeovers.remove(&task) else { return };
        let id = derived("takeover", self.subject.run, &[task, lost.epoch]);
        let mut span = self.span(id, "takeover", lost.seen_at, at);
        span.service = service::FAILURE_DETECTOR;
        span.attributes.extend([
            (field::TASK_ID, self.task(task)),
            (field::TASK_EPOCH, number(lost.epoch)),
            (field::LOSS_CAUSE, text(lost.cause.as_str())),
        ]);
        if let Some(worker) = &lost.worker {
            span.attributes.push((field::WORKER, text(worker)));
        }
        span.links.push(span_id(self.subject.run, task, lost.epoch));
        self.spans.push(span);
    }

    pub(super) fn retry_over(&mut self, task: u64, at: Timestamp, cancelled: bool) {
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

    pub(super) fn dead(&mut self, task: u64, epoch: u64, error: &Error, at: Timestamp) {
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

    pub(super) fn redriven(&mut self, task: u64, edited: bool, at: Timestamp) {
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
    pub(super) fn refused(
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

    fn task(&self, task: u64) -> Value {
        format!("{}:{task}", self.subject.run).into()
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
