//! People who steer runs by hand, and the door that they ask at, as `services/gateway-steer` has it:
//! what is asked is rehearsed by the engine itself, kept, and then told with all that waits.

use std::sync::Arc;

use kintsugi_core::{Input, Phase, RunId, RunState, Steer, Steering};
use kintsugi_deciding::{Before, Compiled, Named, Rehearsal, asked_before, rehearse};
use kintsugi_entities::{RequestRow, STEER};
use kintsugi_nats::RunInput;
use serde_json::json;

use super::{AGAIN, Asking, ME, Plan};
use crate::{
    chance::Chance,
    definitions::{ALWAYS, Definitions, End, outcome},
    off::Protection,
    world::{Do, World},
};

/// How often somebody looks whether there is anything to do, and how long between.
const LOOKS: u32 = 12;
const LOOK: u64 = 120;

/// What somebody does to a run by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Suspend,
    Resume,
    Retry,
    Skip,
    Complete,
    Rerun,
    Terminate,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// It was taken (202).
    Taken,
    /// It was refused (409).
    Refused,
    /// There was nothing to do it to.
    Nothing,
}

/// Something that somebody wants done to a run.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    pub(crate) plan: usize,
    pub(crate) deed: Deed,
    at: u64,
    looks: u32,
    /// How often it was asked, and as what.
    pub(crate) asked: u32,
    steer: Option<(Steer, Option<Named>)>,
    pub(crate) came: Option<Came>,
}

/// What the door keeps, and then tells.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    row: RequestRow,
    instead_of: Option<String>,
    told: Vec<Input>,
}

/// The name of an errand's request.
pub(crate) fn name(at: usize) -> String {
    format!("errand-{at}")
}

/// What people will want done to these runs.
pub(super) fn errands(chance: &mut Chance, plans: &[Plan], all: &Definitions) -> Vec<Errand> {
    let mut errands = Vec::new();
    for (plan, planned) in plans.iter().enumerate() {
        let ends = matches!(all.end(planned.definition, planned.n), End::Completed(_));
        let mut at = planned.start_at;
        for _ in 0..chance.below(3) {
            let mut add = |deed, at| {
                let (looks, asked) = (0, 0);
                errands.push(Errand { plan, deed, at, looks, asked, steer: None, came: None });
            };
            at += 1 + chance.below(2_500);
            match chance.below(12) {
                0..3 => {
                    add(Deed::Suspend, at);
                    at += 1 + chance.below(1_500);
                    add(Deed::Resume, at);
                }
                3..6 => add(Deed::Retry, at),
                6 | 7 if ends => add(Deed::Skip, at),
                8 | 9 if ends => add(Deed::Complete, at),
                // What was signalled was taken before.
                10 if ends && !all.all()[planned.definition].listens => add(Deed::Rerun, at),
                11 => add(Deed::Terminate, at),
                _ => {}
            }
        }
    }
    errands
}

impl World {
    /// Those of each run that are next.
    pub(super) fn start_errands(&mut self) {
        for plan in 0..self.gateway.plans.len() {
            self.next_errand(plan);
        }
    }

    fn next_errand(&mut self, plan: usize) {
        let open = |errand: &Errand| errand.plan == plan && errand.came.is_none();
        let Some(at) = self.gateway.errands.iter().position(open) else { return };
        let delay = self.gateway.errands[at].at.saturating_sub(self.now).max(1);
        self.to(ME, delay, Do::Ask(Asking::Errand(at)));
    }

    fn came(&mut self, at: usize, came: Came) {
        let errand = &mut self.gateway.errands[at];
        let (plan, deed) = (errand.plan, errand.deed);
        errand.came = Some(came);
        self.say(|| format!("errand {at}: {deed:?} of r{plan} is {came:?}"));
        self.next_errand(plan);
    }

    fn look_later(&mut self, at: usize) {
        let errand = &mut self.gateway.errands[at];
        errand.looks += 1;
        if errand.looks >= LOOKS && errand.asked == 0 {
            return self.came(at, Came::Nothing);
        }
        self.to(ME, LOOK, Do::Ask(Asking::Errand(at)));
    }

    /// Asks at the door, which looks whether it can be done.
    pub(super) fn errand(&mut self, at: usize) {
        let errand = self.gateway.errands[at].clone();
        if errand.came.is_some() {
            return;
        }
        let plan = self.gateway.plans[errand.plan].clone();
        let Some(state) = self.state(&plan.run) else { return self.look_later(at) };
        let Some((mut steer, task)) = errand.steer.or_else(|| self.choose(at, &plan, &state))
        else {
            return self.look_later(at);
        };
        let asked = &mut self.gateway.errands[at];
        asked.asked += 1;
        asked.steer = Some((steer.clone(), task.clone()));
        if errand.deed == Deed::Terminate {
            self.gateway.cancels.insert(plan.run.clone());
        }
        if self.off.has(Protection::RequestName) {
            steer.request = format!("{}_{}", steer.request, errand.asked);
        }
        let waiting = self.store.requests_steering(&plan.run);
        let read = |row: &RequestRow| serde_json::from_slice(&row.input).ok();
        let mut told: Vec<Input> = waiting.iter().filter_map(read).collect();
        match asked_before(&state, &told, &mut steer, task.as_ref()) {
            Before::No => {}
            Before::Yes(_) => {
                self.came(at, Came::Taken);
                return self.tell_waiting(&plan.run, told);
            }
            Before::Other => return self.came(at, Came::Refused),
        }
        let is_over = state.status.is_terminal();
        let rehearsal =
            Rehearsal { run: plan.run.clone(), state, before: told.clone(), now: self.clock(ME) };
        let compiled = Arc::clone(&self.definitions.all()[plan.definition].compiled);
        let Compiled { program, expressions } = &*compiled;
        let Ok(steer) = rehearse((program, expressions), rehearsal, (steer, task)) else {
            return self.came(at, Came::Refused);
        };
        let id = steer.key(&plan.run);
        let input = Input::Steer(steer);
        let row = RequestRow {
            id,
            run: plan.run.clone(),
            about: Some(STEER.to_owned()),
            at: self.clock(ME).0,
            input: serde_json::to_vec(&input).unwrap_or_default(),
        };
        told.push(input);
        if self.off.has(Protection::Order) {
            told.drain(..told.len() - 1);
        }
        // A cancellation that the run was too late for must not end it when it is open again.
        let instead_of = is_over.then(|| format!("cancel:{}", plan.run));
        let kept = Kept { row, instead_of, told };
        self.next(ME, Do::Ask(Asking::Keep(at, Box::new(kept))));
    }

    /// Keeps what was asked, says so, and tells the run.
    pub(super) fn keep_errand(&mut self, at: usize, Kept { row, instead_of, told }: Kept) {
        let (happens, answered) = self.transaction();
        let run = row.run.clone();
        if happens && !self.off.has(Protection::Kept) {
            self.store.request_put(row, instead_of.as_deref());
        }
        if !answered {
            return self.to(ME, AGAIN, Do::Ask(Asking::Errand(at)));
        }
        self.came(at, Came::Taken);
        self.tell_waiting(&run, told);
    }

    fn tell_waiting(&mut self, run: &RunId, inputs: Vec<Input>) {
        let told = inputs.into_iter().map(|input| RunInput { run: run.clone(), input });
        self.next(ME, Do::Ask(Asking::Tell(told.collect())));
    }

    /// What exactly is asked, of a run as it stands; none: there is nothing to do it to now.
    fn choose(
        &mut self,
        at: usize,
        plan: &Plan,
        state: &RunState,
    ) -> Option<(Steer, Option<Named>)> {
        let deed = self.gateway.errands[at].deed;
        let definitions = Arc::clone(&self.definitions);
        let definition = &definitions.all()[plan.definition];
        let mut tasks = state.tasks().filter(|task| match deed {
            Deed::Retry => matches!(task.state.phase, Phase::Backoff { .. }),
            _ => task.state.input["plan"].as_u64().is_some_and(|plan| plan < ALWAYS),
        });
        let (what, task) = match deed {
            Deed::Suspend => (Steering::Suspend { hold: None }, None),
            Deed::Resume => (Steering::Resume, None),
            Deed::Terminate => (Steering::Terminate { abandon: false }, None),
            Deed::Rerun => {
                let from = definition.first()?;
                (Steering::Rerun { from, input: None }, None)
            }
            Deed::Retry => (Steering::Retry { task: 0 }, Some(tasks.next()?)),
            Deed::Skip | Deed::Complete => {
                let task = tasks.next()?;
                let output = outcome(&task.state.input, u32::MAX).unwrap_or(json!(null));
                let what = match deed {
                    Deed::Skip => Steering::Skip { task: 0, output: Some(output) },
                    _ => Steering::Complete { task: 0, output },
                };
                (what, Some(task))
            }
        };
        let by_name = self.chance.below(2) == 0;
        let named = task.map(|task| match definition.compiled.program.node(task.node) {
            // Of a loop a reference says no longer which turn was meant.
            Some(node) if by_name && !node.pointer.contains("/each/") => {
                Named::Reference(node.pointer.clone())
            }
            _ => Named::Number(task.task),
        });
        let steer = Steer { request: name(at), by: Some("p".to_owned()), reason: None, what };
        Some((steer, named))
    }
}
