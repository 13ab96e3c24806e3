//! Errors: on their way up, caught, tried again, or the end of the run.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::{Machine, Op, call, scope::Place, watch::End, watch::Turn};
use crate::{
    Body, Catch, Effect, Error, Event, Expr, Kind, Node, Phase, RetryPolicy, Span, Status,
    Timestamp, TryPhase, TryRetry, Work, scramble,
};

/// What a `try` does about an error.
enum Handling {
    RetryAt(Timestamp),
    Handle,
    Pass,
    /// Its retry policy has no value.
    Broken(Error),
}

impl Machine<'_> {
    /// Takes an error one frame further up.
    pub(super) fn raise(&mut self, parent: Option<u64>, error: Error) {
        let Some(number) = parent else { return self.fault(error) };
        let Some(frame) = self.state.frames.get(&number) else { return };
        let above = frame.parent;
        let error = match &frame.body {
            Body::List { .. } | Body::Core => {
                self.close(number, End::Cancelled);
                error
            }
            Body::Branch { index } => match self.branch_failed(number, *index, error) {
                Some(error) => error,
                None => return,
            },
            Body::Task(_) => match self.handling(number, &error) {
                Handling::Pass => {
                    self.close(number, End::Faulted(&error));
                    error
                }
                Handling::Broken(error) => {
                    self.close(number, End::Faulted(&error));
                    error
                }
                handling => return self.handle(number, error, handling),
            },
        };
        self.queue.push_back(Op::Raise { parent: above, error });
    }

    /// Whether something above `parent` would take `error`: asked before a task is dead-lettered,
    /// since what the workflow handles itself is not.
    pub(super) fn is_handled(&self, parent: Option<u64>, error: &Error) -> bool {
        let mut at = parent;
        while let Some(number) = at {
            let Some(frame) = self.state.frames.get(&number) else { return false };
            let takes = match &frame.body {
                Body::Task(_) => !matches!(self.handling(number, error), Handling::Pass),
                Body::Branch { .. } => frame.parent.is_some_and(|fork| self.fork_absorbs(fork)),
                Body::List { .. } | Body::Core => false,
            };
            if takes {
                return true;
            }
            at = frame.parent;
        }
        false
    }

    fn handling(&self, number: u64, error: &Error) -> Handling {
        let Some(Body::Task(open)) = self.body(number) else { return Handling::Pass };
        let Some(node) = self.program.node(open.node) else { return Handling::Pass };
        let (Kind::Try { catch, .. }, Work::Try { retries, phase: TryPhase::Trying, .. }) =
            (&node.kind, &open.work)
        else {
            return Handling::Pass;
        };
        // A filter whose expression fails takes nothing: the first error is the one to show.
        let taken = catch.errors.takes(error)
            && self.guards(number, node, catch, (catch.when, catch.except_when), error);
        if !taken {
            return Handling::Pass;
        }
        let Some(retry) = &catch.retry else { return Handling::Handle };
        let wanted = self.guards(number, node, catch, (retry.when, retry.except_when), error);
        if wanted && retries + 1 < retry.policy.maximum_attempts {
            let policy = match self.policy(number, node, catch, retry, error) {
                Ok(policy) => policy,
                Err(error) => return Handling::Broken(error),
            };
            let at = self.state.frames.get(&number).map_or(self.now, |frame| frame.at);
            let seed = self.seed(number, u64::from(*retries));
            let retry_at = self.now.plus(policy.delay_ms(retries + 1, seed));
            // The limit is on when a retry begins, not on when its delay does.
            if policy.total_ms.is_none_or(|total| retry_at.since(at) < total) {
                return Handling::RetryAt(retry_at);
            }
        }
        // Retried in vain: the handler runs if there is one, else the error goes on (profile).
        if catch.body.is_some() { Handling::Handle } else { Handling::Pass }
    }

    /// The policy with the values of its expressions.
    fn policy<'r>(
        &self,
        number: u64,
        node: &Node,
        catch: &Catch,
        retry: &'r TryRetry,
        error: &Error,
    ) -> Result<Cow<'r, RetryPolicy>, Error> {
        let spans = &retry.spans;
        let Some(Body::Task(open)) = self.body(number) else {
            return Ok(Cow::Borrowed(&retry.policy));
        };
        if spans.is_none() {
            return Ok(Cow::Borrowed(&retry.policy));
        }
        let own = [(catch.as_.as_str(), error_value(error))];
        let place = Place {
            node: Some(node),
            frame: Some(number),
            input: Some(open.input()),
            raw_input: Some(&open.raw_input),
            own: &own,
            ..Place::default()
        };
        let millis = |span: Span| self.millis(span, open.input(), &place);
        let of = |expr: Option<Expr>| expr.map(|expr| millis(Span::Expr(expr))).transpose();
        let mut policy = retry.policy.clone();
        policy.initial_interval_ms = of(spans.delay)?.unwrap_or(policy.initial_interval_ms);
        policy.maximum_interval_ms = of(spans.maximum)?.unwrap_or(policy.maximum_interval_ms);
        policy.total_ms = of(spans.total)?.or(policy.total_ms);
        if let Some((from, to)) = spans.jitter {
            policy.jitter_ms = Some((millis(from)?, millis(to)?));
        }
        Ok(Cow::Owned(policy))
    }

    fn guards(
        &self,
        number: u64,
        node: &Node,
        catch: &Catch,
        (when, except): (Option<Expr>, Option<Expr>),
        error: &Error,
    ) -> bool {
        if when.is_none() && except.is_none() {
            return true;
        }
        let Some(Body::Task(open)) = self.body(number) else { return false };
        let own = [(catch.as_.as_str(), error_value(error))];
        let place = Place {
            node: Some(node),
            frame: Some(number),
            input: Some(open.input()),
            raw_input: Some(&open.raw_input),
            own: &own,
            ..Place::default()
        };
        let holds = |expr| self.holds(expr, open.input(), &place);
        when.is_none_or(|when| holds(when).unwrap_or(false))
            && except.is_none_or(|except| holds(except).is_ok_and(|holds| !holds))
    }

    /// What a task is told to do has no value: its error goes up from there.
    pub(super) fn broken(&mut self, number: u64, error: Error) {
        let parent = self.state.frames.get(&number).and_then(|frame| frame.parent);
        self.close(number, End::Faulted(&error));
        self.queue.push_back(Op::Raise { parent, error });
    }

    fn handle(&mut self, number: u64, error: Error, handling: Handling) {
        let below: Vec<u64> = self.children(number);
        for child in below {
            self.close(child, End::Cancelled);
        }
        let program = self.program;
        let Some(open) = self.task_frame(number) else { return };
        let (id, input) = (open.node, open.input().clone());
        let Work::Try { retries, phase, attempt_deadline } = &mut open.work else { return };
        let Some(node) = program.node(id) else { return };
        let Kind::Try { catch, .. } = &node.kind else { return };
        let retry_at = match handling {
            Handling::RetryAt(at) => Some(at),
            Handling::Handle | Handling::Pass | Handling::Broken(_) => None,
        };
        *attempt_deadline = None;
        if let Some(at) = retry_at {
            *retries += 1;
            *phase = TryPhase::Backoff(at);
        } else {
            *phase = TryPhase::Catching;
        }
        let (pointer, caught) = (node.pointer.clone(), error_value(&error));
        self.note(Event::ErrorCaught { pointer, error, retry_at });
        if retry_at.is_some() {
            return;
        }
        match catch.body {
            Some(body) => {
                let variables = BTreeMap::from([(catch.as_.clone(), caught)]);
                self.open_list(Some(number), body, variables, input);
            }
            None => self.end_scope(number, input, catch.then),
        }
    }

    /// Begins (again) what a `try` tries.
    pub(super) fn attempt(&mut self, number: u64) {
        let (program, now) = (self.program, self.now);
        let Some(open) = self.task_frame(number) else { return };
        let (id, input) = (open.node, open.input().clone());
        let raw_input = open.raw_input.clone();
        let Some(node) = program.node(id) else { return };
        let Kind::Try { body, catch } = &node.kind else { return };
        let limit = catch.retry.as_ref().and_then(|retry| retry.attempt).map(|span| {
            let place = Place::of(node, number, &input, &raw_input);
            self.millis(span, &input, &place)
        });
        let limit = match limit.transpose() {
            Ok(limit) => limit,
            Err(error) => return self.broken(number, error),
        };
        let Some(open) = self.task_frame(number) else { return };
        if let Work::Try { phase, attempt_deadline, .. } = &mut open.work {
            *phase = TryPhase::Trying;
            *attempt_deadline = limit.map(|millis| now.plus(millis));
        }
        self.open_list(Some(number), *body, BTreeMap::new(), input);
    }

    /// The run ends with an error that nothing caught. Frames stay where a dead letter is among
    /// them, so that a redrive can take the run up where it broke.
    pub(super) fn fault(&mut self, error: Error) {
        if self.state.status.is_terminal() {
            return;
        }
        self.queue.clear();
        self.interrupt();
        self.state.status = Status::Faulted;
        self.state.error = Some(error.clone());
        self.note(Event::RunFaulted { error });
        self.run_turned();
    }

    fn interrupt(&mut self) {
        if !self.state.is_redrivable() {
            let roots = self.children_of(None);
            for root in roots {
                self.close(root, End::Cancelled);
            }
            return;
        }
        let numbers = self.numbers();
        for number in numbers {
            let Some(open) = self.task_frame(number) else { continue };
            let node = open.node;
            match &mut open.work {
                Work::Listen(hearing) => {
                    let count = hearing.count;
                    if !std::mem::replace(&mut hearing.interrupted, true) {
                        self.listened(number, node, count);
                    }
                }
                Work::Human(asking) => {
                    let was_closed = std::mem::replace(&mut asking.closed, true);
                    if !was_closed {
                        self.withdraw(number, node);
                    }
                }
                Work::Wait { interrupted, .. } => *interrupted = true,
                Work::Call(task) if task.phase != Phase::DeadLettered => {
                    let out = call::is_out(task).then_some(task.epoch);
                    let (had_permit, was_busy) = (task.has_permit(), call::is_busy(task));
                    task.phase = Phase::Interrupted;
                    self.give_back(number, had_permit);
                    if let Some(epoch) = out {
                        self.note(Event::TaskCancelled { task: number, epoch });
                        self.effect(Effect::Cancel { task: number, epoch });
                    }
                    if was_busy {
                        self.turned(number, Turn::Ended, Status::Cancelled, None);
                    }
                }
                _ => {}
            }
        }
    }

    /// The run ends with an output.
    pub(super) fn complete(&mut self, output: Value) {
        if let Some(cancelling) = self.state.cancelling.take() {
            return self.cancel(cancelling.reason);
        }
        self.queue.clear();
        let program = self.program;
        let done = match &program.output_as {
            Some(template) => self.render(template, &output, &Place::default()),
            None => Ok(output),
        }
        .and_then(|output| {
            self.check(program.output_schema, &output, "/output")?;
            Ok(output)
        });
        let output = match done {
            Ok(output) => output,
            Err(error) => return self.fault(error),
        };
        for root in self.children_of(None) {
            self.close(root, End::Cancelled);
        }
        self.state.status = Status::Completed;
        self.state.output = Some(output);
        self.note(Event::RunCompleted);
        self.run_turned();
    }

    pub(super) fn children(&self, number: u64) -> Vec<u64> {
        self.children_of(Some(number))
    }

    pub(super) fn children_of(&self, parent: Option<u64>) -> Vec<u64> {
        self.state.frames.below(parent).collect()
    }

    /// Stands in for chance: the same for the same run, task and attempt.
    pub(super) fn seed(&self, task: u64, attempt: u64) -> u64 {
        let run = self.run.as_str().bytes();
        let run = run.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        scramble(run ^ scramble(task) ^ attempt.rotate_left(32))
    }
}

pub(super) fn error_value(error: &Error) -> Value {
    serde_json::to_value(error).unwrap_or_default()
}
