//! Which events start a run (`schedule.on`): each that fits, or a set of those that belong together.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use kintsugi_state::{CloudEvent, Evaluate, Expr, On, Strategy, Template, Variables};

use crate::fit::{self, Judge};

/// Sets of one definition that may be open at once; beyond it the oldest is given up.
pub const OPEN_SETS_MAX: usize = 1_000;

/// Bytes that all open sets of one definition may have, of JSON, about; beyond it the oldest is given up.
pub const OPEN_BYTES_MAX: u64 = 4 << 20;

/// Events that are known again when they come a second time, besides those in open sets.
const TAKEN_MAX: usize = 1_024;

/// What an event or a set has besides its payload, in bytes of JSON.
const OVERHEAD: u64 = 100;

/// What a definition has of events that do not start a run yet: sets of `all` that are not complete. Of
/// `one` and `any` nothing is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Occasions {
    /// The oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    sets: VecDeque<OpenSet>,
    /// Names of the events that were taken last, in order.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    taken: VecDeque<String>,
}

/// Events that belong together, and are not all there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OpenSet {
    /// In the order in which they came.
    events: Vec<Kept>,
    /// The values that tie them together.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    correlation: BTreeMap<String, Value>,
    bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    /// Position of the filter that it fits.
    filter: u32,
    key: String,
    value: Value,
}

/// What starts a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Occasion {
    /// Names of the events.
    pub keys: Vec<String>,
    /// The run's input: what is kept of each, in the order in which they came.
    pub input: Value,
}

/// What followed from an event.
#[derive(Debug, Default, PartialEq)]
pub struct Heard {
    /// What starts a run.
    pub occasion: Option<Occasion>,
    /// How many sets were given up, since too many were open.
    pub given_up: u64,
    /// Whether open sets are others now; if not, nothing needs to be stored.
    pub changed: bool,
}

/// Expressions of filters, without any variable.
struct Alone<'e>(&'e dyn Evaluate);

impl Variables for Alone<'_> {
    fn get(&self, _: &str) -> Option<Value> {
        None
    }
}

impl Judge for Alone<'_> {
    fn value(&self, expr: Expr, input: &Value) -> Option<Value> {
        self.0.evaluate(expr, input, self).ok()
    }

    fn uri(&self, _: &Template) -> Option<Value> {
        None
    }
}

impl Occasions {
    /// Tells of `event`, which `key` names: a repeat has the same. `evaluate` knows the expressions of
    /// `on`.
    pub fn hear(
        &mut self,
        on: &On,
        evaluate: &dyn Evaluate,
        key: &str,
        event: &CloudEvent,
    ) -> Heard {
        let judge = Alone(evaluate);
        let known = expected(&on.to);
        let mut fits = on.to.filters().iter().zip(0..).filter_map(|(filter, index)| {
            let values = fit::is_met(&judge, filter, event)
                .then(|| fit::correlations(&judge, filter, event))??;
            fit::agrees(&known, &values).then_some((index, values))
        });
        match &on.to {
            Strategy::All(filters) => {
                let fits: Vec<_> = fits.collect();
                if fits.is_empty() || self.is_known(key) {
                    return Heard::default();
                }
                let value = fit::read(event, on.read);
                self.take(
                    &fits,
                    known,
                    filters.len(),
                    Kept { filter: 0, key: key.to_owned(), value },
                )
            }
            Strategy::Any { filters, .. } if filters.is_empty() => alone(on, key, event),
            Strategy::One(_) | Strategy::Any { .. } => match fits.next() {
                Some(_) => alone(on, key, event),
                None => Heard::default(),
            },
        }
    }

    /// How many sets are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.sets.len()
    }

    fn is_known(&self, key: &str) -> bool {
        let mut kept = self.sets.iter().flat_map(|set| &set.events);
        self.taken.iter().any(|taken| taken == key) || kept.any(|event| event.key == key)
    }

    /// Puts an event into the oldest set that wants it, or into a new one.
    fn take(
        &mut self,
        fits: &[(u32, Vec<(&str, Value)>)],
        known: BTreeMap<String, Value>,
        whole: usize,
        kept: Kept,
    ) -> Heard {
        self.taken.push_back(kept.key.clone());
        if self.taken.len() > TAKEN_MAX {
            self.taken.pop_front();
        }
        let wanting = self.sets.iter().enumerate().find_map(|(at, set)| {
            let wants = |(filter, values): &&(u32, Vec<(&str, Value)>)| {
                set.events.iter().all(|event| event.filter != *filter)
                    && fit::agrees(&set.correlation, values)
            };
            Some((at, fits.iter().find(wants)?))
        });
        let (at, (filter, values)) = match wanting {
            Some(found) => found,
            None => {
                let set = OpenSet { events: Vec::new(), correlation: known, bytes: OVERHEAD };
                self.sets.push_back(set);
                (self.sets.len() - 1, &fits[0])
            }
        };
        let set = &mut self.sets[at];
        for (name, value) in fit::fixed(&set.correlation, values) {
            set.bytes += size(&value) + OVERHEAD;
            set.correlation.insert(name, value);
        }
        set.bytes += size(&kept.value) + OVERHEAD;
        set.events.push(Kept { filter: *filter, ..kept });
        let mut heard = Heard { changed: true, ..Heard::default() };
        if set.events.len() == whole {
            let events = self.sets.remove(at).map(|set| set.events).unwrap_or_default();
            let (keys, values): (_, Vec<_>) =
                events.into_iter().map(|event| (event.key, event.value)).unzip();
            heard.occasion = Some(Occasion { keys, input: Value::Array(values) });
            return heard;
        }
        while self.sets.len() > OPEN_SETS_MAX
            || self.sets.iter().map(|set| set.bytes).sum::<u64>() > OPEN_BYTES_MAX
        {
            self.sets.pop_front();
            heard.given_up += 1;
        }
        heard
    }
}

/// An event that starts a run by itself. Nothing is kept: the run's name follows from it, so that a
/// repeat starts nothing.
fn alone(on: &On, key: &str, event: &CloudEvent) -> Heard {
    let input = Value::Array(vec![fit::read(event, on.read)]);
    Heard { occasion: Some(Occasion { keys: vec![key.to_owned()], input }), ..Heard::default() }
}

/// The values that correlations must have, whatever comes.
fn expected(to: &Strategy) -> BTreeMap<String, Value> {
    let correlations = to.filters().iter().flat_map(|filter| &filter.correlate);
    let expected = correlations.filter_map(|correlation| match &correlation.expect {
        Some(Template::Literal(value)) => Some((correlation.name.clone(), value.clone())),
        _ => None,
    });
    expected.collect()
}

fn size(value: &Value) -> u64 {
    u64::try_from(value.to_string().len()).unwrap_or(u64::MAX)
}
