//! Permits: a task that is bounded waits until it may be given out, and says when it is done.

use serde_json::Value;

use super::{Machine, scope::Place};
use crate::{Bound, Effect, Error, ErrorKind, Event, Phase, Program, TaskState};

/// The longest key, in characters.
const KEY_MAX: usize = 200;

impl Machine<'_> {
    /// The key of a bounded task: of its namespace, or of its queue and type where it names none.
    pub(super) fn permit_key(
        &self,
        bound: &Bound,
        (queue, task_type): (&str, &str),
        input: &Value,
        place: &Place<'_>,
    ) -> Result<String, Error> {
        let Some(key) = &bound.key else { return Ok(format!("{queue}/{task_type}")) };
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
        Ok(format!("{}:{text}", self.program.definition.namespace))
    }

    /// Gives a task out, or has it wait for its permit first.
    pub(super) fn begin_attempts(&mut self, number: u64) {
        let (program, now) = (self.program, self.now);
        let Some((id, task)) = self.call_mut(number) else { return };
        let Some(key) = task.permit.clone() else { return self.give_out(number) };
        task.phase = Phase::Queued { since: now };
        let Some((pointer, call)) = call_of(program, id) else { return };
        let Some(bound) = &call.policy.bound else { return self.give_out(number) };
        self.note(Event::TaskQueued {
            task: number,
            pointer: pointer.to_owned(),
            task_type: call.task_type.clone(),
            queue: call.queue.clone(),
            key: key.clone(),
            limit: bound.limit,
        });
        let (limit, priority) = (bound.limit, bound.priority);
        self.effect(Effect::Want { task: number, key, limit, priority });
    }

    /// A permit came. Told again, or for a task that waits no more, it changes nothing: a permit
    /// that is not needed was given back when its task ended.
    pub(super) fn granted(&mut self, number: u64) {
        let Some((_, task)) = self.call_mut(number) else { return };
        if matches!(task.phase, Phase::Queued { .. }) {
            self.effect(Effect::Took { task: number });
            self.give_out(number);
        }
    }

    /// The task needs its permit no more; `task` is as it was.
    pub(super) fn give_back(&mut self, number: u64, task: &TaskState) {
        let holds = !matches!(task.phase, Phase::Interrupted | Phase::DeadLettered);
        if task.permit.is_some() && holds {
            self.effect(Effect::Release { task: number });
        }
    }
}

fn call_of(program: &Program, id: crate::NodeId) -> Option<(&str, &crate::Call)> {
    let node = program.node(id)?;
    match &node.kind {
        crate::Kind::Call(call) => Some((&node.pointer, call)),
        _ => None,
    }
}
