//! How many tasks travel in one message.

use std::collections::HashMap;

use kintsugi_core::Timestamp;
use kintsugi_nats::{TaskGroup, TaskMessage, WIDTH_MAX, Width};
use serde_json::Value;

/// How long what workers said holds. Tasks that took no time may take long by then.
const HOLDS_MS: u64 = 5_000;

/// Queues and types that are remembered.
const NAMES_MAX: usize = 10_000;

/// Bytes of a task's input that may travel with others. Each byte takes six at most as JSON, so that a
/// full message stays below the 1 MiB that a broker takes by default.
const INPUT_BYTES_MAX: usize = 2_048;

/// A shorter limit would run out while a task waits for those before it.
const LIMIT_MS_MIN: u64 = 1_000;

/// What workers said about how many tasks they want in one message.
#[derive(Debug)]
pub struct Widths {
    max: usize,
    said: HashMap<(String, String), (usize, Timestamp)>,
}

impl Widths {
    /// Nothing was said; no message has more than `max` tasks, nor than [`WIDTH_MAX`].
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max: max.clamp(1, WIDTH_MAX), said: HashMap::new() }
    }

    /// Takes in what came with results.
    pub fn hear(&mut self, said: Vec<Width>, now: Timestamp) {
        for Width { queue, task_type, tasks } in said {
            let key = (queue, task_type);
            if self.said.len() >= NAMES_MAX && !self.said.contains_key(&key) {
                self.said.retain(|_, (_, at)| now.since(*at) < HOLDS_MS);
                if self.said.len() >= NAMES_MAX {
                    continue;
                }
            }
            self.said.insert(key, (tasks.clamp(1, self.max), now));
        }
    }

    fn of(&self, task: &TaskMessage, now: Timestamp) -> usize {
        // Two texts for a look-up of a pair of texts: few queues and types, so that is cheap.
        let key = (task.queue.clone(), task.task_type.clone());
        self.said
            .get(&key)
            .filter(|(_, at)| now.since(*at) < HOLDS_MS)
            .map_or(1, |(tasks, _)| *tasks)
    }

    /// Which tasks travel together, in order. One that was given out before travels alone: whoever
    /// fails by it, or gives it back, does so by itself.
    #[must_use]
    pub fn group<'a>(&self, tasks: &'a [(TaskMessage, u32)], now: Timestamp) -> Vec<TaskGroup<'a>> {
        let mut groups: Vec<TaskGroup<'a>> = Vec::new();
        let mut open: HashMap<(&str, &str), (usize, usize)> = HashMap::new();
        for one in tasks {
            let (task, publish) = one;
            let is_first = task.epoch == 1 && *publish == 1;
            let is_light = task.start_to_close_ms >= LIMIT_MS_MIN
                && is_small(&task.input, &mut INPUT_BYTES_MAX.clone());
            if self.said.is_empty() || !is_first || !is_light {
                groups.push(vec![one]);
                continue;
            }
            let key = (task.queue.as_str(), task.task_type.as_str());
            let (number, width) =
                open.entry(key).or_insert_with(|| (usize::MAX, self.of(task, now)));
            match groups.get_mut(*number) {
                Some(group) if group.len() < *width => group.push(one),
                _ => {
                    *number = groups.len();
                    groups.push(vec![one]);
                }
            }
        }
        groups
    }
}

/// Whether a value has no more than so many bytes, about; looks no further.
fn is_small(value: &Value, left: &mut usize) -> bool {
    let bytes = match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 24,
        Value::String(text) => text.len() + 2,
        Value::Array(_) | Value::Object(_) => 2,
    };
    let Some(rest) = left.checked_sub(bytes) else { return false };
    *left = rest;
    match value {
        Value::Array(items) => items.iter().all(|item| is_small(item, left)),
        Value::Object(fields) => fields.iter().all(|(name, item)| {
            left.checked_sub(name.len() + 4).is_some_and(|rest| {
                *left = rest;
                is_small(item, left)
            })
        }),
        _ => true,
    }
}

#[cfg(test)]
#[path = "../tests/unit/widths.rs"]
mod tests;
