//! From a batch of inputs to one transaction and what follows it. Pure but for its caches and for
//! what machines ask about other runs.

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use kintsugi_core::{
    ChildEffect, ChildInput, Effect, Input, Machine, Moment, NodeId, RunId, Step, Taking, Timestamp,
};
use kintsugi_entities::{Batch, Error, HistoryRow, MailRow, NewRun, RunWrite};
use kintsugi_nats::RunInput;
use tracing::debug;

use crate::{
    Source,
    children::{Answers, Question, Rules},
    letters,
    mail::{self, Letter},
    people, permits,
    programs::{Compiled, Programs},
    recoveries,
    runs::{Run, Runs, is_idle, next_wake},
    steer,
};

/// Times that one batch asks the store about other runs; what is asked then waits for the next.
const ROUNDS_MAX: usize = 32;

/// What follows a batch once it is committed.
#[derive(Debug, Default)]
pub struct Decided {
    /// What is written, in one transaction.
    pub batch: Batch,
    /// What each run asks for, in order.
    pub effects: Vec<(RunId, Effect)>,
    /// What happened to each run that changed.
    pub changes: Vec<Changed>,
    /// Runs whose work was cut off by the limit on steps and goes on at once.
    pub unfinished: Vec<RunId>,
    /// Inputs that could not be handled, with the reason.
    pub rejected: Vec<(RunInput, String)>,
    /// Inputs for runs that are not there, which their sender wants answered.
    pub answers: Vec<RunInput>,
    /// The earliest deadline that is earlier than what was stored before.
    pub wake_at: Option<i64>,
}

/// What happened to a run.
#[derive(Debug)]
pub struct Changed {
    /// The run.
    pub run: RunId,
    /// In order.
    pub steps: Vec<Step>,
    /// What closed in them, by number.
    pub closed: Vec<(u64, NodeId)>,
    /// How it and its tasks stood in turn, step by step; empty where nobody asked.
    pub moments: Vec<Vec<Moment>>,
}

/// What came: inputs from the stream, events from the store.
#[derive(Debug, Default)]
pub struct Arrived {
    /// In order.
    pub inputs: Vec<RunInput>,
    /// In order, too.
    pub events: Vec<MailRow>,
}

/// What one run is told: inputs, then the events that wait for it.
#[derive(Default)]
struct Told {
    inputs: Vec<Input>,
    events: Vec<Letter>,
}

/// Decides all inputs, run by run in the order in which they came, then the events, then what is
/// answered to machines that asked. `watched` machines tell of their tasks' moments, too.
///
/// States in `runs` are changed: if the commit fails, they must be forgotten.
///
/// # Errors
///
/// When runs or definitions cannot be loaded.
pub async fn decide<S: Source>(
    source: &S,
    (runs, programs): (&mut Runs, &mut Programs),
    arrived: Arrived,
    (rules, watched): (Rules, bool),
    now: Timestamp,
) -> Result<Decided, Error> {
    let told = arrived.inputs.iter().map(|input| &input.run);
    let ids: HashSet<&RunId> = told.chain(arrived.events.iter().map(|row| &row.run)).collect();
    runs.load(source, &ids).await?;
    let wanted = ids.iter().filter_map(|id| runs.get(id)).map(|run| run.definition.as_str());
    programs.load(source, wanted).await?;
    programs.holds.refresh(source, now, ids.iter().filter_map(|id| runs.get(id))).await?;

    let mut decided = Decided::default();
    let mut work = Work { now, watched, done: HashMap::new(), questions: Vec::new() };
    let (order, mut by_run) = by_run(arrived, &mut decided);
    for id in &order {
        let told = by_run.remove(id).unwrap_or_default();
        work.take(runs, programs, id, told, &mut decided);
    }
    let mut answers = Answers::new(rules, now);
    for _ in 0..ROUNDS_MAX {
        let questions = std::mem::take(&mut work.questions);
        if questions.is_empty() {
            break;
        }
        let (answered, left) = Box::pin(answers.of(source, questions)).await?;
        decided.unfinished.extend(left);
        for answer in answered {
            let told = Told { inputs: vec![Input::Child(answer.input)], events: Vec::new() };
            let taken = work.take(runs, programs, &answer.run, told, &mut decided);
            decided.batch.children.extend(answer.row.filter(|_| taken));
        }
    }
    decided.unfinished.extend(work.questions.drain(..).map(|question| question.run));
    for id in order {
        work.finish(runs, id, &mut decided);
    }
    // A child never goes without its parent's step.
    let parents: HashSet<_> = decided.batch.runs.iter().map(|run| run.id.clone()).collect();
    let is_of = |child: &NewRun| child.parent.as_ref().is_some_and(|id| parents.contains(id));
    decided.batch.children.retain(is_of);
    Ok(decided)
}

/// What each run is told, and the order in which the runs were named first.
fn by_run(arrived: Arrived, decided: &mut Decided) -> (Vec<RunId>, HashMap<RunId, Told>) {
    let mut order: Vec<RunId> = Vec::new();
    let mut by_run: HashMap<RunId, Told> = HashMap::new();
    let mut told = |run: &RunId, add: &mut dyn FnMut(&mut Told)| {
        let told = by_run.entry(run.clone()).or_insert_with(|| {
            order.push(run.clone());
            Told::default()
        });
        add(told);
    };
    for RunInput { run, input } in arrived.inputs {
        let mut input = Some(input);
        told(&run, &mut |told| told.inputs.extend(input.take()));
    }
    for row in arrived.events {
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
    (order, by_run)
}

/// What was decided of a run so far.
#[derive(Default)]
struct Done {
    steps: Vec<Step>,
    closed: Vec<(u64, NodeId)>,
    moments: Vec<Vec<Moment>>,
    effects: Vec<Effect>,
}

struct Work {
    now: Timestamp,
    watched: bool,
    done: HashMap<RunId, Done>,
    questions: Vec<Question>,
}

impl Work {
    /// Tells one run everything; whether that changed it.
    fn take(
        &mut self,
        runs: &mut Runs,
        programs: &Programs,
        id: &RunId,
        mut told: Told,
        decided: &mut Decided,
    ) -> bool {
        let refuse = |decided: &mut Decided, inputs: Vec<Input>, reason: &str| {
            let inputs = inputs.into_iter().filter(|input| !is_hint(id, input, decided));
            let all: Vec<_> = inputs
                .map(|input| (RunInput { run: id.clone(), input }, reason.to_owned()))
                .collect();
            decided.rejected.extend(all);
            false
        };
        let Some(run) = runs.get_mut(id) else {
            let gone = told.events.into_iter().map(|letter| (id.clone(), letter.key));
            decided.batch.mail.taken.extend(gone);
            let reason = "there is no such run, or its state cannot be read";
            return refuse(decided, told.inputs, reason);
        };
        let Some(compiled) = programs.get(&run.definition) else {
            return refuse(decided, told.inputs, "the definition of the run cannot be loaded");
        };
        let asked = steer::asked(id, &told.inputs);
        programs.holds.instead(run, &mut told.inputs);
        // A run's time never goes back, whatever the clock of this machine does.
        let now = self.now.max(run.updated_at);
        let advanced = match advance(id, &compiled, run, told, (now, self.watched)) {
            Ok(advanced) => advanced,
            Err(panicked) => {
                let (input, key) = *panicked;
                // Whatever the panic left behind is not trusted: nothing of this run is written.
                runs.forget(id);
                self.done.remove(id);
                self.questions.retain(|question| question.run != *id);
                mail::untouched(id, &mut decided.batch.mail);
                steer::untouched(id, &mut decided.batch.requests_taken);
                decided.batch.mail.taken.extend(key.map(|key| (id.clone(), key)));
                let reason = "the machine panicked; this is a bug in Kintsugi";
                return refuse(decided, vec![input], reason);
            }
        };
        let Advanced { steps, closed, moments, effects, settled } = advanced;
        for (key, taking) in settled {
            mail::settle(id, key, taking, &mut decided.batch.mail);
        }
        decided.batch.requests_taken.extend(asked);
        let changed = !steps.is_empty();
        let done = self.done.entry(id.clone()).or_default();
        done.steps.extend(steps);
        done.closed.extend(closed);
        done.moments.extend(moments);
        for effect in effects {
            match effect {
                Effect::Child(effect @ (ChildEffect::Start { .. } | ChildEffect::Look { .. })) => {
                    let trace_parent = run.trace_parent.clone();
                    self.questions.push(Question { run: id.clone(), trace_parent, effect });
                }
                effect => done.effects.push(effect),
            }
        }
        changed
    }

    /// What is written of a run, and what follows.
    fn finish(&mut self, runs: &mut Runs, id: RunId, decided: &mut Decided) {
        let Some(Done { steps, mut closed, moments, effects }) = self.done.remove(&id) else {
            return;
        };
        let Some(run) = runs.get_mut(&id) else { return };
        let now = self.now.max(run.updated_at);
        if !steps.is_empty() {
            let wake_at = next_wake(run, now);
            if wake_at != run.wake_at
                && let Some(at) = wake_at
            {
                decided.wake_at = Some(decided.wake_at.map_or(at, |earliest| earliest.min(at)));
            }
            let version_before = run.version;
            (run.version, run.wake_at, run.updated_at) = (version_before + 1, wake_at, now);
            if !run.state.pending.is_empty() && run.state.suspension.is_none() {
                decided.unfinished.push(id.clone());
            }
            note_rows(&id, run, (&steps, &effects), now, &mut decided.batch);
            decided.batch.runs.push(write(&id, run, &steps, now));
            closed.sort_unstable_by_key(|(number, _)| *number);
            decided.changes.push(Changed { run: id.clone(), steps, closed, moments });
        }
        decided.effects.extend(effects.into_iter().map(|effect| (id.clone(), effect)));
    }
}

fn write(id: &RunId, run: &mut Run, steps: &[Step], now: Timestamp) -> RunWrite {
    let status = run.state.status;
    let ended_at = run.ended_at.unwrap_or(now.0);
    run.ended_at = status.is_terminal().then_some(ended_at);
    RunWrite {
        id: id.clone(),
        version_before: run.version - 1,
        version: run.version,
        status,
        wake_at: run.wake_at,
        state: json(&run.state, 1_024),
        ended_at: run.ended_at,
        updated_at: now.0,
        history: HistoryRow { seq: run.version, at: now.0, steps: json(&steps, 512) },
    }
}

/// Writes JSON into a buffer that has room for what most take: making buffers larger was a tenth of what
/// an orchestrator did.
fn json(value: &impl serde::Serialize, room: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(room);
    if serde_json::to_writer(&mut text, value).is_err() {
        text.clear();
    }
    text
}

/// Whether an input is a hint from another run, which is no alarm where the run is gone. Who asked
/// to be heard is answered, or it would ask for ever.
fn is_hint(id: &RunId, input: &Input, decided: &mut Decided) -> bool {
    let Input::Child(input) = input else { return false };
    debug!(workflow.id = %id, "a hint for a run that is not there");
    if let ChildInput::Changed { run, life: Some(life), .. } = input {
        let input = Input::Child(ChildInput::Heard { life: *life });
        decided.answers.push(RunInput { run: run.clone(), input });
    }
    true
}

/// What became of a run.
#[derive(Default)]
struct Advanced {
    steps: Vec<Step>,
    closed: Vec<(u64, NodeId)>,
    moments: Vec<Vec<Moment>>,
    effects: Vec<Effect>,
    settled: Vec<(String, Taking)>,
}

/// Tells a run everything, in order. A panic gives back the input at which it happened, and the key
/// of the event that it was.
fn advance(
    id: &RunId,
    compiled: &Compiled,
    run: &mut Run,
    told: Told,
    (now, watched): (Timestamp, bool),
) -> Result<Advanced, Box<(Input, Option<String>)>> {
    let mut all = Advanced::default();
    let inputs = told.inputs.into_iter().map(|input| (input, None));
    let events = told.events.into_iter().map(|letter| (letter.input, Some(letter.key)));
    for (input, key) in inputs.chain(events) {
        let state = &mut run.state;
        if key.is_some() && (mail::asks(&all.effects) || mail::must_wait(state)) {
            break;
        }
        let (program, expressions) = (&compiled.program, &compiled.expressions);
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            if watched {
                Machine::watch(id, program, expressions, state, &input, now)
            } else {
                Machine::advance(id, program, expressions, state, &input, now)
            }
        }));
        let Ok(outcome) = attempt else { return Err(Box::new((input, key))) };
        all.settled.extend(key.zip(outcome.taking));
        all.closed.extend(outcome.closed);
        // A hint that leads to a look at another run changes nothing by itself.
        let follows = |effect: &Effect| outcome.changed || matches!(effect, Effect::Child(_));
        all.effects.extend(outcome.effects.into_iter().filter(follows));
        let is_idle = all.steps.is_empty() && is_idle(&input, run, now);
        if outcome.changed || is_idle {
            all.steps.push(Step { at: now, input, events: outcome.events });
            if watched {
                all.moments.push(outcome.moments);
            }
        }
    }
    Ok(all)
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
            Effect::Ask { .. } | Effect::Answered { .. } | Effect::Withdrawn { .. } => {
                people::note(id, &run.definition, effect, now, batch);
            }
            Effect::Want { .. } | Effect::Took { .. } | Effect::Release { .. } => {
                permits::note(id, effect, now, batch);
            }
            _ => mail::note(id, effect, now, &mut batch.mail),
        }
    }
}
