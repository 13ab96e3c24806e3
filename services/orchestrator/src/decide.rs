//! From a batch of inputs to one transaction and what follows it. Pure but for its caches.

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use kintsugi_core::{Effect, Input, Machine, RunId, Step, Taking, Timestamp};
use kintsugi_entities::{Batch, HistoryRow, MailRow, RunWrite};
use kintsugi_nats::RunInput;

use crate::{
    Error, letters,
    mail::{self, Letter},
    programs::{Compiled, Programs},
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

/// What one run is told: inputs, then the events that wait for it.
#[derive(Default)]
struct Told {
    inputs: Vec<Input>,
    events: Vec<Letter>,
}

/// Decides all inputs, run by run in the order in which they came, then the events.
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
    events: Vec<MailRow>,
    now: Timestamp,
) -> Result<Decided, Error> {
    let told = inputs.iter().map(|input| &input.run);
    let ids: HashSet<&RunId> = told.chain(events.iter().map(|row| &row.run)).collect();
    runs.load(&ids).await?;
    let wanted = ids.iter().filter_map(|id| runs.get(id)).map(|run| run.definition.as_str());
    programs.load(wanted).await?;

    let mut decided = Decided::default();
    let mut order: Vec<RunId> = Vec::new();
    let mut by_run: HashMap<RunId, Told> = HashMap::new();
    let mut told = |run: &RunId, add: &mut dyn FnMut(&mut Told)| {
        let told = by_run.entry(run.clone()).or_insert_with(|| {
            order.push(run.clone());
            Told::default()
        });
        add(told);
    };
    for RunInput { run, input } in inputs {
        let mut input = Some(input);
        told(&run, &mut |told| told.inputs.extend(input.take()));
    }
    for row in events {
        match mail::read(&row) {
            Ok(letter) => {
                let mut letter = Some(letter);
                told(&row.run, &mut |told| told.events.extend(letter.take()));
            }
            Err(reason) => {
                tracing::error!(workflow.id = %row.run, reason, "a stored event cannot be read");
                decided.batch.mail.taken.push((row.run, row.key));
            }
        }
    }
    for id in order {
        let told = by_run.remove(&id).unwrap_or_default();
        one(runs, programs, &id, told, now, &mut decided);
    }
    Ok(decided)
}

fn one(
    runs: &mut Runs,
    programs: &Programs,
    id: &RunId,
    told: Told,
    now: Timestamp,
    decided: &mut Decided,
) {
    let refuse = |decided: &mut Decided, inputs: Vec<Input>, reason: &str| {
        let all =
            inputs.into_iter().map(|input| (RunInput { run: id.clone(), input }, reason.into()));
        decided.rejected.extend(all);
    };
    let Some(run) = runs.get_mut(id) else {
        let gone = told.events.into_iter().map(|letter| (id.clone(), letter.key));
        decided.batch.mail.taken.extend(gone);
        return refuse(decided, told.inputs, "there is no such run, or its state cannot be read");
    };
    let Some(compiled) = programs.get(&run.definition) else {
        return refuse(decided, told.inputs, "the definition of the run cannot be loaded");
    };
    // A run's time never goes back, whatever the clock of this machine does.
    let now = now.max(run.updated_at);
    let advanced = match advance(id, &compiled, run, told, now) {
        Ok(advanced) => advanced,
        Err(panicked) => {
            let (input, key) = *panicked;
            // Whatever the panic left behind is not trusted: nothing of this run is written.
            runs.forget(id);
            decided.batch.mail.taken.extend(key.map(|key| (id.clone(), key)));
            let reason = "the machine panicked; this is a bug in Kintsugi";
            return refuse(decided, vec![input], reason);
        }
    };
    let Advanced { steps, effects, changed, settled } = advanced;
    for (key, taking) in settled {
        mail::settle(id, key, taking, &mut decided.batch.mail);
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

/// What became of a run.
#[derive(Default)]
struct Advanced {
    steps: Vec<Step>,
    effects: Vec<Effect>,
    changed: bool,
    settled: Vec<(String, Taking)>,
}

/// Tells a run everything, in order. A panic gives back the input at which it happened, and the key
/// of the event that it was.
fn advance(
    id: &RunId,
    compiled: &Compiled,
    run: &mut Run,
    told: Told,
    now: Timestamp,
) -> Result<Advanced, Box<(Input, Option<String>)>> {
    let mut all = Advanced::default();
    let inputs = told.inputs.into_iter().map(|input| (input, None));
    let events = told.events.into_iter().map(|letter| (letter.input, Some(letter.key)));
    for (input, key) in inputs.chain(events) {
        let state = &mut run.state;
        if key.is_some() && (mail::asks(&all.effects) || mail::must_wait(state)) {
            break;
        }
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            Machine::advance(id, &compiled.program, &compiled.expressions, state, &input, now)
        }));
        let Ok(outcome) = attempt else { return Err(Box::new((input, key))) };
        all.settled.extend(key.zip(outcome.taking));
        if outcome.changed {
            all.changed = true;
            all.effects.extend(outcome.effects);
            all.steps.push(Step { at: now, input, events: outcome.events });
        }
    }
    Ok(all)
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
            _ => mail::note(id, effect, now, &mut batch.mail),
        }
    }
}
