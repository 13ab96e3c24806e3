//! From a batch of inputs to one transaction and what follows it. Pure but for its caches.

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use kintsugi_core::{Effect, Input, Machine, RunId, Step, Timestamp};
use kintsugi_entities::{Batch, HistoryRow, RunWrite};
use kintsugi_nats::RunInput;

use crate::{
    Error, letters,
    programs::Programs,
    recoveries,
    runs::{Run, Runs},
};

/// What follows a batch once it is committed.
#[derive(Default)]
pub(crate) struct Decided {
    /// What is written, in one transaction.
    pub(crate) batch: Batch,
    /// What each run asks for, in order.
    pub(crate) effects: Vec<(RunId, Effect)>,
    /// What happened to each run that changed.
    pub(crate) steps: Vec<(RunId, Vec<Step>)>,
    /// Runs whose work was cut off by the limit on steps and goes on at once.
    pub(crate) unfinished: Vec<RunId>,
    /// Inputs that could not be handled, with the reason.
    pub(crate) rejected: Vec<(RunInput, String)>,
    /// The earliest deadline that is earlier than what was stored before.
    pub(crate) wake_at: Option<i64>,
}

/// Decides all inputs, run by run in the order in which they came.
///
/// States in `runs` are changed: if the commit fails, they must be forgotten.
///
/// # Errors
///
/// When runs or definitions cannot be loaded.
pub(crate) async fn decide(
    runs: &mut Runs,
    programs: &mut Programs,
    inputs: Vec<RunInput>,
    now: Timestamp,
) -> Result<Decided, Error> {
    let ids: HashSet<&RunId> = inputs.iter().map(|input| &input.run).collect();
    runs.load(&ids).await?;
    let wanted = ids.iter().filter_map(|id| runs.get(id)).map(|run| run.definition.as_str());
    programs.load(wanted).await?;

    let mut order: Vec<RunId> = Vec::new();
    let mut by_run: HashMap<RunId, Vec<Input>> = HashMap::new();
    for RunInput { run, input } in inputs {
        let queue = by_run.entry(run.clone()).or_default();
        if queue.is_empty() {
            order.push(run);
        }
        queue.push(input);
    }
    let mut decided = Decided::default();
    for id in order {
        let inputs = by_run.remove(&id).unwrap_or_default();
        one(runs, programs, &id, inputs, now, &mut decided);
    }
    Ok(decided)
}

fn one(
    runs: &mut Runs,
    programs: &Programs,
    id: &RunId,
    inputs: Vec<Input>,
    now: Timestamp,
    decided: &mut Decided,
) {
    let refuse = |decided: &mut Decided, inputs: Vec<Input>, reason: &str| {
        let all =
            inputs.into_iter().map(|input| (RunInput { run: id.clone(), input }, reason.into()));
        decided.rejected.extend(all);
    };
    let Some(run) = runs.get_mut(id) else {
        return refuse(decided, inputs, "there is no such run, or its state cannot be read");
    };
    let Some(compiled) = programs.get(&run.definition) else {
        return refuse(decided, inputs, "the definition of the run cannot be loaded");
    };
    // A run's time never goes back, whatever the clock of this machine does.
    let now = now.max(run.updated_at);
    let (mut steps, mut effects, mut changed) = (Vec::new(), Vec::new(), false);
    for input in inputs {
        let state = &mut run.state;
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            Machine::advance(id, &compiled.program, &compiled.expressions, state, &input, now)
        }));
        let Ok(outcome) = attempt else {
            // Whatever the panic left behind is not trusted: nothing of this run is written.
            runs.forget(id);
            return refuse(decided, vec![input], "the machine panicked; this is a bug in Kintsugi");
        };
        if outcome.changed {
            changed = true;
            effects.extend(outcome.effects);
            steps.push(Step { at: now, input, events: outcome.events });
        }
    }
    if !changed {
        return;
    }
    let wake_at = next_wake(run, now);
    if wake_at != run.wake_at
        && let Some(at) = wake_at
    {
        decided.wake_at = Some(decided.wake_at.map_or(at, |earliest| earliest.min(at)));
    }
    let version_before = run.version;
    (run.version, run.wake_at, run.updated_at) = (version_before + 1, wake_at, now);
    if !run.state.pending.is_empty() {
        decided.unfinished.push(id.clone());
    }
    note_rows(id, run, (&steps, &effects), now, &mut decided.batch);
    let status = run.state.status;
    decided.batch.runs.push(RunWrite {
        id: id.clone(),
        version_before,
        version: run.version,
        status,
        wake_at,
        state: serde_json::to_vec(&run.state).unwrap_or_default(),
        ended_at: status.is_terminal().then_some(now.0),
        updated_at: now.0,
        history: HistoryRow {
            seq: run.version,
            at: now.0,
            steps: serde_json::to_vec(&steps).unwrap_or_default(),
        },
    });
    decided.effects.extend(effects.into_iter().map(|effect| (id.clone(), effect)));
    decided.steps.push((id.clone(), steps));
}

/// When the run must be told the time. A stored time that is too early costs one idle tick; leaving
/// it saves an index write.
fn next_wake(run: &Run, now: Timestamp) -> Option<i64> {
    let due = run.state.wake_at().map(|at| at.0);
    match (due, run.wake_at) {
        (Some(due), Some(stored)) if stored <= due && stored > now.0 => Some(stored),
        (due, _) => due,
    }
}

/// What else is written: the recovery log and dead letters, taken from steps and effects.
fn note_rows(
    id: &RunId,
    run: &Run,
    (steps, effects): (&[Step], &[Effect]),
    now: Timestamp,
    batch: &mut Batch,
) {
    for step in steps {
        batch.recoveries.extend(recoveries::of(id, step));
    }
    for effect in effects {
        match effect {
            Effect::DeadLetter { .. } => {
                let trace = run.trace_parent.as_deref();
                batch.dead_letters.extend(letters::row(id, &run.definition, trace, effect, now));
            }
            Effect::Redriven { task, epoch } => {
                batch.redriven.push(letters::id(id, *task, *epoch));
            }
            _ => {}
        }
    }
}
