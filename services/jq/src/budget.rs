//! What one evaluation may still spend.

use std::cell::Cell;
use std::time::{Duration, Instant};

use jaq_json::{Num, Val};

use crate::Limits;

/// Between two readings of the clock.
const STEPS_PER_READING: u64 = 16;

/// A longer gap between two readings counts as this: the thread most probably did not run.
const GAP_MAX: Duration = Duration::from_millis(5);

/// The same for natives that are busy with a large value, which may have ten times as long. A
/// process that was stopped for a minute must not find that its expressions took too long.
const LONG_GAP_MAX: Duration = Duration::from_millis(100);

/// How deep a value may nest.
const DEPTH_MAX: usize = 512;

/// Bits of an integer.
const BITS_MAX: u64 = 4_096;

/// Why an evaluation was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Steps,
    Time,
    Stack,
    Size,
    Depth,
}

impl Stop {
    pub(super) fn reason(self) -> &'static str {
        match self {
            // One text for both: which limit comes first is a matter of the machine, and a replay of a
            // run must give the error that its history has.
            Self::Steps | Self::Time => "takes too many steps or too long",
            Self::Stack => "recurses too deep",
            Self::Size => "builds too large a value",
            Self::Depth => "builds too deep a value",
        }
    }
}

/// The budget of one evaluation.
pub(crate) struct Budget<'l> {
    limits: &'l Limits,
    steps: Cell<u64>,
    read: Cell<Instant>,
    busy: Cell<Duration>,
    busy_long: Cell<Duration>,
    /// Bytes of the stack that must remain.
    reserve: usize,
    /// Once stopped, it stays so, whatever the expression catches.
    stopped: Cell<Option<Stop>>,
}

impl<'l> Budget<'l> {
    pub(super) fn new(limits: &'l Limits, reserve: usize) -> Self {
        Self {
            limits,
            steps: Cell::new(0),
            read: Cell::new(Instant::now()),
            busy: Cell::new(Duration::ZERO),
            busy_long: Cell::new(Duration::ZERO),
            reserve,
            stopped: Cell::new(None),
        }
    }

    pub(super) fn stopped(&self) -> Option<Stop> {
        self.stopped.get()
    }

    pub(super) fn stop(&self, why: Stop) -> Stop {
        let first = self.stopped.get().unwrap_or(why);
        self.stopped.set(Some(first));
        first
    }

    /// Takes a step with `value` in hand.
    pub(super) fn tick(&self, value: &Val) -> Result<(), Stop> {
        if let Some(why) = self.stopped.get() {
            return Err(why);
        }
        self.spend(1)?;
        if stacker::remaining_stack().is_some_and(|left| left < self.reserve) {
            return Err(self.stop(Stop::Stack));
        }
        self.shallow(value)
    }

    /// Takes `steps` steps at once.
    pub(super) fn spend(&self, steps: u64) -> Result<(), Stop> {
        let before = self.steps.get();
        let after = before.saturating_add(steps);
        self.steps.set(after);
        if after > self.limits.steps_max {
            return Err(self.stop(Stop::Steps));
        }
        if before / STEPS_PER_READING == after / STEPS_PER_READING {
            return Ok(());
        }
        let now = Instant::now();
        let gap = now.duration_since(self.read.replace(now));
        self.busy.set(self.busy.get() + gap.min(GAP_MAX));
        self.busy_long.set(self.busy_long.get() + gap.min(LONG_GAP_MAX));
        let over = self.busy.get() > self.limits.busy_max
            || self.busy_long.get() > self.limits.busy_max * 10;
        if over { Err(self.stop(Stop::Time)) } else { Ok(()) }
    }

    pub(super) fn string_bytes_max(&self) -> usize {
        self.limits.string_bytes_max
    }

    /// Looks at the size of `value` without looking into it.
    pub(super) fn shallow(&self, value: &Val) -> Result<(), Stop> {
        let fits = match value {
            Val::TStr(text) | Val::BStr(text) => text.len() <= self.limits.string_bytes_max,
            Val::Arr(items) => items.len() <= self.limits.value_nodes_max,
            Val::Obj(map) => map.len() <= self.limits.value_nodes_max,
            Val::Num(Num::BigInt(int)) => int.bits() <= BITS_MAX,
            _ => true,
        };
        if fits { Ok(()) } else { Err(self.stop(Stop::Size)) }
    }

    /// Looks at all of `value`; large values cost steps.
    pub(super) fn size(&self, value: &Val) -> Result<(), Stop> {
        if let Some(why) = self.stopped.get() {
            return Err(why);
        }
        let mut left = self.limits.value_nodes_max;
        self.count(value, &mut left, DEPTH_MAX)?;
        self.spend((self.limits.value_nodes_max - left) as u64 / 64)
    }

    /// The number of values in `value`, a string counting by its KiB.
    pub(super) fn nodes(&self, value: &Val) -> Result<usize, Stop> {
        let mut left = self.limits.value_nodes_max;
        self.count(value, &mut left, DEPTH_MAX)?;
        Ok(self.limits.value_nodes_max - left)
    }

    fn count(&self, value: &Val, left: &mut usize, depth: usize) -> Result<(), Stop> {
        if depth == 0 {
            return Err(self.stop(Stop::Depth));
        }
        self.shallow(value)?;
        let cost = match value {
            Val::TStr(text) | Val::BStr(text) => 1 + text.len() / 1_024,
            _ => 1,
        };
        *left = left.checked_sub(cost).ok_or_else(|| self.stop(Stop::Size))?;
        match value {
            Val::Arr(items) => items.iter().try_for_each(|v| self.count(v, left, depth - 1)),
            Val::Obj(map) => map.iter().try_for_each(|(key, v)| {
                self.count(key, left, depth - 1)?;
                self.count(v, left, depth - 1)
            }),
            _ => Ok(()),
        }
    }
}
