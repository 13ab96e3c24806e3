//! Permits: a task that is bounded waits until it may be given out, and says when it is done.

use serde_json::Value;

use super::{Machine, scope::Place};
use crate::{Call, Effect, Error, ErrorKind, Event, Phase, Status, Timestamp};

/// The longest key, in characters.
const KEY_MAX: usize = 200;

impl Machine<'_> {
    /// The key of a bounded task: of its namespace, or of its queue and type where it names none.
    pub(super) fn permit_key(
        &self,
        call: &Call,
        input: &Value,
        place: &Place<'_>,
    ) -> Result<Option<String>, Error> {
        let Some(bound) = &call.policy.bound else { return Ok(None) };
        let Some(key) = &bound.key else {
            return Ok(Some(format!("{}/{}", call.queue, call.task_type)));
        };
        let text = match self.render(key, input, place)? {
            Value::String(text) => text,
            value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
            _ => String::new(),
        };
        if text.trim().is_empty() || text.chars().count() > KEY_MAX || text.contains('\0') {
            let pointer = place.node.map_or("", |node| node.pointer.as_str());
            let detail = format!(
                "the key of `concurrency` must be a text of 1 to {KEY_MAX} characters, a number or \
                 a boolean"
            );
            return Err(Error::new(ErrorKind::Expression, pointer, detail));
        }
        Ok(Some(format!("{}:{text}", self.program.definition.namespace)))
    }

    /// Gives a task out, or has it wait for its permit first.
    pub(super) fn begin_attempts(&mut self, number: u64) {
        let now = self.now;
        let suspended = self.state.status == Status::Suspended;
        let Some((node, call)) = self.call_of(number) else { return };
        let Some((_, task)) = self.call_mut(number) else { return };
        if suspended {
            // It begins when the run goes on.
            task.phase = Phase::Interrupted;
            return;
        }
        let (Some(key), Some(bound)) = (task.permit.clone(), &call.policy.bound) else {
            return self.give_out(number);
        };
        task.phase = Phase::Queued { since: now };
        self.note(Event::TaskQueued {
            task: number,
            pointer: node.pointer.clone(),
            task_type: call.task_type.clone(),
            queue: call.queue.clone(),
            key: key.clone(),
            limit: bound.limit,
        });
        let (limit, priority) = (bound.limit, bound.priority);
        self.effect(Effect::Want { task: number, key, limit, priority });
    }

    /// A permit came. Told again, for a task that waits no more, or for one that gave that permit back
    /// and waits for another, it changes nothing: a permit that is not needed was given back when its
    /// task ended, or its run was suspended.
    pub(super) fn granted(&mut self, number: u64, of: Option<Timestamp>) {
        let Some((_, task)) = self.call_mut(number) else { return };
        if let Phase::Queued { since } = task.phase
            && of.is_none_or(|of| of == since)
        {
            self.effect(Effect::Took { task: number });
            self.give_out(number);
        }
    }

    /// A task that had a permit, or waited for one, needs it no more.
    pub(super) fn give_back(&mut self, number: u64, had_permit: bool) {
        if had_permit {
            self.effect(Effect::Release { task: number });
        }
    }
}
