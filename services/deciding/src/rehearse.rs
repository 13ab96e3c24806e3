//! What a door makes of a request that steers a run, before it keeps it: whether it was asked before,
//! and what the run's own machine would say to it, on a copy of its state.

use kintsugi_core::{
    Body, Done, Event, Frame, Input, Machine, Program, RunId, RunState, Steer, Steering, Timestamp,
};
use kintsugi_definition::Expressions;

/// Open tasks that a refusal names at most.
const NAMED_MAX: usize = 20;

/// A task, as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// By its number in the run.
    Number(u64),
    /// By its reference (JSON pointer): the only open one there.
    Reference(String),
}

/// Whether a request was asked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It is new.
    No,
    /// It was, about this task.
    Yes(Option<u64>),
    /// Something else was, under its name.
    Other,
}

/// Why a request cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The machine refuses it: a code, and the same for people.
    Machine(String, String),
    /// There is no open task with this reference.
    NotOpen(String),
    /// There are several: the reference, and their numbers.
    Several(String, Vec<u64>),
}

/// A run as it stands, with what it will be told before.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// Which.
    pub run: RunId,
    /// How it stands.
    pub state: RunState,
    /// What waits for it, in order.
    pub before: Vec<Input>,
    /// The time.
    pub now: Timestamp,
}

/// Whether the same was asked before; then with the number of its task, which is put into `asked`.
#[must_use]
pub fn asked_before(
    state: &RunState,
    waiting: &[Input],
    asked: &mut Steer,
    task: Option<&Named>,
) -> Before {
    if let Some(Named::Number(number)) = task {
        set_task(&mut asked.what, *number);
    }
    let before = waiting.iter().find_map(|input| match input {
        Input::Steer(steer) if steer.request == asked.request => Some(steer),
        _ => None,
    });
    if let Some(before) = before {
        if let (Some(Named::Reference(_)), Some(number)) = (task, task_of(before)) {
            set_task(&mut asked.what, number);
        }
        return if *before == *asked { Before::Yes(task_of(before)) } else { Before::Other };
    }
    let Some(known) = state.steered.iter().find(|known| known.request == asked.request) else {
        return Before::No;
    };
    // A reference says which task only as long as that is open.
    let is_same = known.mark == asked.mark() || matches!(task, Some(Named::Reference(_)));
    if is_same { Before::Yes(task_of(asked)) } else { Before::Other }
}

/// What is asked, with the number of its task.
///
/// # Errors
///
/// With the machine's own words when it would refuse.
pub fn rehearse(
    (program, expressions): (&Program, &Expressions),
    rehearsal: Rehearsal,
    (mut asked, task): (Steer, Option<Named>),
) -> Result<Steer, Refused> {
    let Rehearsal { run, mut state, before, now } = rehearsal;
    let tell = |state: &mut RunState, input: &Input| {
        Machine::advance(&run, program, expressions, state, input, now).events
    };
    for input in &before {
        tell(&mut state, input);
    }
    match task {
        Some(Named::Number(number)) => set_task(&mut asked.what, number),
        Some(Named::Reference(pointer)) => {
            set_task(&mut asked.what, open_at(program, &state, pointer)?);
        }
        None => {}
    }
    let events = tell(&mut state, &Input::Steer(asked.clone()));
    let refused = events.into_iter().find_map(|event| match event {
        Event::Steered(said) => match said.done {
            Done::Refused { code, detail, .. } => Some((code, detail)),
            _ => None,
        },
        _ => None,
    });
    match refused {
        Some((code, detail)) => Err(Refused::Machine(code, detail)),
        None => Ok(asked),
    }
}

/// The number of the only open task with this reference.
fn open_at(program: &Program, state: &RunState, pointer: String) -> Result<u64, Refused> {
    let is_there = |frame: &Frame| match &frame.body {
        Body::Task(open) => program.node(open.node).is_some_and(|node| node.pointer == pointer),
        Body::List { .. } | Body::Branch { .. } | Body::Core => false,
    };
    let mut looked = 0;
    let open = state.frames.scan(&mut looked).filter(|(_, frame)| is_there(frame));
    let open: Vec<u64> = open.map(|(number, _)| number).take(NAMED_MAX).collect();
    match open.as_slice() {
        [one] => Ok(*one),
        [] => Err(Refused::NotOpen(pointer)),
        _ => Err(Refused::Several(pointer, open)),
    }
}

/// The number of the task that a request is about.
#[must_use]
pub fn task_of(steer: &Steer) -> Option<u64> {
    let mut what = steer.what.clone();
    task_mut(&mut what).map(|task| *task).filter(|task| *task > 0)
}

fn task_mut(what: &mut Steering) -> Option<&mut u64> {
    match what {
        Steering::Retry { task }
        | Steering::Complete { task, .. }
        | Steering::Fail { task, .. }
        | Steering::Skip { task, .. } => Some(task),
        _ => None,
    }
}

fn set_task(what: &mut Steering, number: u64) {
    if let Some(task) = task_mut(what) {
        *task = number;
    }
}
