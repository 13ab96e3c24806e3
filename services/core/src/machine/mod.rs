//! The machine: says what follows from an input.
//!
//! One call takes one input at one time and changes the state; events and effects are its account
//! of what changed. Work goes through a queue of small operations ([`Op`]), so that neither depth
//! of nesting nor length of a loop is a matter of the stack, and so that a definition that loops
//! for ever is cut off, stored and continued instead of holding up its partition.

mod arguments;
mod call;
mod cancel;
mod child;
mod compensate;
mod data;
mod dead;
mod defer;
mod emit;
mod errors;
mod extend;
mod filter;
mod flow;
mod fork;
mod human;
mod inputs;
mod listen;
mod lists;
mod map;
mod messages;
mod permit;
mod replay;
mod rerun;
mod scope;
mod steer;
mod suspend;
mod watch;

use std::collections::VecDeque;

pub use self::listen::Taking;
pub use self::replay::{ReplayError, replay};
pub use self::watch::{Moment, Turn};
use crate::{
    Effect, Error, Evaluate, Event, Input, NodeId, Op, Program, RunId, RunState, Status, Timestamp,
};

/// Operations that one input may cause before the rest waits for the next tick. At about 10 µs
/// each this holds a partition up for 5 ms.
const OPS_PER_INPUT: u32 = 500;

/// Transitions that one run may make; then it faults. Temporal's limit is 51,200 history events;
/// ours must leave room for a fan-out of 100,000 tasks.
const STEPS_PER_RUN: u64 = 1_000_000;

/// Tasks whose last epoch is remembered after they closed.
const SETTLED_MAX: usize = 1_000;

/// What followed from an input.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Facts for the history.
    pub events: Vec<Event>,
    /// What is to be done after the commit.
    pub effects: Vec<Effect>,
    /// Whether the state is another one now; if not, nothing needs to be stored.
    pub changed: bool,
    /// What became of the event, where the input was one.
    pub taking: Option<Taking>,
    /// Every call, listen and child whose frame closed, with its node: events name tasks by their
    /// number only, and the state knows those that are open.
    pub closed: Vec<(u64, NodeId)>,
    /// How the run and its tasks stood in turn; only from [`Machine::watch`].
    pub moments: Vec<Moment>,
    /// Frames that were looked at one by one, for whoever measures: what grows with all that is
    /// open must not be done for each input.
    pub looked: u64,
}

/// The machine of one run.
pub struct Machine<'a> {
    run: &'a RunId,
    program: &'a Program,
    evaluate: &'a dyn Evaluate,
    state: &'a mut RunState,
    now: Timestamp,
    queue: VecDeque<Op>,
    out: Outcome,
    /// Somebody asked for moments.
    watched: bool,
    /// Where among them the task was created that is being entered.
    created_at: Option<usize>,
    /// Frames around a task that ended the run.
    graceful: Vec<u64>,
}

impl<'a> Machine<'a> {
    /// Takes `input` at `now` and changes `state` accordingly.
    ///
    /// A late or repeated input changes nothing: redelivery is normal, so it is no error. `now`
    /// never goes back for a run: the caller gives the latest time that the run has seen.
    pub fn advance(
        run: &'a RunId,
        program: &'a Program,
        evaluate: &'a dyn Evaluate,
        state: &'a mut RunState,
        input: &Input,
        now: Timestamp,
    ) -> Outcome {
        Self::new(run, program, evaluate, state, now).told(input)
    }

    /// The same, and tells of every moment of the run and its tasks. Events, effects and state are
    /// those of [`Machine::advance`].
    pub fn watch(
        run: &'a RunId,
        program: &'a Program,
        evaluate: &'a dyn Evaluate,
        state: &'a mut RunState,
        input: &Input,
        now: Timestamp,
    ) -> Outcome {
        Self { watched: true, ..Self::new(run, program, evaluate, state, now) }.told(input)
    }

    fn new(
        run: &'a RunId,
        program: &'a Program,
        evaluate: &'a dyn Evaluate,
        state: &'a mut RunState,
        now: Timestamp,
    ) -> Self {
        let queue = VecDeque::from(std::mem::take(&mut state.pending));
        Self {
            run,
            program,
            evaluate,
            state,
            now,
            queue,
            out: Outcome::default(),
            watched: false,
            created_at: None,
            graceful: Vec::new(),
        }
    }

    fn told(mut self, input: &Input) -> Outcome {
        // Of a suspended run what was cut off, or followed from what came since, waits on.
        let waits = self.state.status == Status::Suspended;
        self.out.changed = !waits && !self.queue.is_empty();
        let was_over = self.state.status.is_terminal();
        self.take(input);
        self.work();
        self.settle_status();
        if self.state.status.is_terminal() && !was_over {
            self.tell_parent();
        }
        self.out
    }

    fn work(&mut self) {
        if self.state.status == Status::Suspended {
            self.put_off();
            return;
        }
        let mut left = OPS_PER_INPUT;
        while let Some(op) = self.queue.pop_front() {
            if !is_wanted(self.state, &op) {
                continue;
            }
            if left == 0 && !self.state.status.is_terminal() {
                self.queue.push_front(op);
                self.put_off();
                return;
            }
            left = left.saturating_sub(1);
            self.out.changed = true;
            self.state.steps += 1;
            if self.state.steps > STEPS_PER_RUN {
                self.queue.clear();
                let detail = format!("the run made more than {STEPS_PER_RUN} transitions");
                self.fault(Error::new(crate::ErrorKind::Runtime, "/do", detail));
                return;
            }
            self.one(op);
        }
    }

    /// Keeps what is still to be done for another time.
    fn put_off(&mut self) {
        let rest = self.queue.drain(..);
        let wanted: Vec<Op> = rest.filter(|op| is_wanted(self.state, op)).collect();
        self.state.pending = wanted;
    }

    fn one(&mut self, op: Op) {
        match op {
            Op::Enter { parent, node, input } => self.enter(parent, node, input),
            Op::Left { parent, output, flow } => self.left(parent, output, flow),
            Op::ListDone { parent, output } => self.list_done(parent, output),
            Op::Raise { parent, error } => self.raise(parent, error),
        }
    }

    /// Running while the engine or a worker has something to do, waiting when only time, an
    /// event or a person moves the run on.
    fn settle_status(&mut self) {
        let status = self.state.status;
        if status.is_terminal() || matches!(status, Status::Pending | Status::Suspended) {
            return;
        }
        // What was opened last is what most likely has work.
        let busy = !self.state.pending.is_empty() || {
            let mut frames = self.state.frames.scan(&mut self.out.looked).rev();
            frames.any(|(_, frame)| call::has_work(frame))
        };
        let status = if busy { Status::Running } else { Status::Waiting };
        if self.state.status != status {
            self.state.status = status;
            self.out.changed = true;
            self.run_turned();
        }
    }

    fn note(&mut self, event: Event) {
        self.out.changed = true;
        self.out.events.push(event);
    }

    fn effect(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }
}

/// Whether what an operation belongs to is still open: closing a frame leaves its operations behind.
fn is_wanted(state: &RunState, op: &Op) -> bool {
    let parent = match op {
        Op::Enter { parent, .. } | Op::Left { parent, .. } => Some(*parent),
        Op::ListDone { parent, .. } | Op::Raise { parent, .. } => *parent,
    };
    parent.is_none_or(|parent| state.frames.contains_key(&parent))
}
