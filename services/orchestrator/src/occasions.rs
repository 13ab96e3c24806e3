//! Starts the runs of definitions that events start (`schedule.on`).
//!
//! The router tells of every batch of events before it acknowledges them. Which definitions there are, and
//! whether they have changed, is asked once a batch, so nothing depends on a hint. What a definition has of events moves on with its
//! schedule's row, in the transaction that inserts the runs; who finds the row changed begins again. Runs
//! have ids that follow from their events: events that come twice start nothing twice.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use kintsugi_core::{
    CloudEvent, Input, Occasion, Occasions as Sets, On, RunId, RunState, Schedule, Timestamp,
    Trigger, partition_of,
};
use kintsugi_definition::{Expressions, Limits};
use kintsugi_entities::{NewRun, OccasionStep, ScheduleRow};
use kintsugi_nats::RunInput;
use kintsugi_runtime::{Deps, now};
use kintsugi_schedule::run_id_of;
use serde::{Deserialize, Serialize};
use tracing::{debug, error, warn};

use crate::Error;

/// How often a batch is tried against schedules that change meanwhile.
const TRIES: u32 = 20;

/// Events, and bytes of them, that one transaction takes for a definition.
const EVENTS_MAX: usize = 256;
const BYTES_MAX: usize = 4 << 20;

/// Runs, and bytes of their inputs, with which a transaction is full.
const FULL: (usize, usize) = (512, 8 << 20);

/// Definitions whose sets are read at once: each may be large.
const PAGE: usize = 32;

/// Bytes of sets that are remembered from batch to batch.
const REMEMBERED_MAX: usize = 64 << 20;

/// An event, and what names it.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) key: String,
    pub(crate) event: CloudEvent,
    /// How large it is, in bytes of JSON.
    pub(crate) bytes: usize,
}

/// What is kept of a definition's events, together with what asked for them: another version may ask for
/// others.
#[derive(Serialize, Deserialize)]
struct Stored {
    on: On,
    sets: Sets,
}

/// A definition that events start.
struct Known {
    revision: i64,
    definition: String,
    schedule: Vec<u8>,
    /// None: it cannot be read, which was told.
    starts: Option<Starts>,
    /// Its open sets; none: they are to be read.
    sets: Option<Arc<Sets>>,
    bytes: usize,
    /// Sets of a version before, which asked for other events.
    dropped: usize,
}

#[derive(Clone)]
struct Starts {
    on: Arc<On>,
    expressions: Expressions,
    /// Types of the events that it may want; none: any.
    types: Option<BTreeSet<String>>,
}

/// What a batch does to a definition.
struct Outcome {
    sets: Sets,
    occasions: Vec<Occasion>,
    given_up: u64,
    changed: bool,
}

/// Every definition that events start, as far as it was needed.
pub(crate) struct Occasions {
    deps: Deps,
    known: BTreeMap<String, Known>,
}

impl Occasions {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps, known: BTreeMap::new() }
    }

    /// Starts what these events start, in their order.
    ///
    /// # Errors
    ///
    /// When not all of it is known to be done: tell it again.
    pub(crate) async fn tell(&mut self, events: &[Told]) -> Result<(), Error> {
        let mut seen = HashSet::new();
        let events = events.iter().filter(|told| seen.insert(told.key.as_str()));
        let mut part = Vec::new();
        let mut bytes = 0;
        for told in events {
            if part.len() == EVENTS_MAX || (bytes + told.bytes > BYTES_MAX && !part.is_empty()) {
                self.take(std::mem::take(&mut part)).await?;
                bytes = 0;
            }
            bytes += told.bytes;
            part.push(told.clone());
        }
        if part.is_empty() { Ok(()) } else { self.take(part).await }
    }

    async fn take(&mut self, events: Vec<Told>) -> Result<(), Error> {
        let events = Arc::new(events);
        let mut done = BTreeSet::new();
        for _ in 0..TRIES {
            self.look().await?;
            if self.once(&events, &mut done).await? {
                return Ok(());
            }
            debug!("a schedule has changed meanwhile; looking again");
        }
        Err(Error::Changing)
    }

    /// Learns which definitions there are, and forgets what has changed.
    async fn look(&mut self) -> Result<(), Error> {
        let found: BTreeMap<String, i64> =
            self.deps.store.occasions_known().await?.into_iter().collect();
        self.known.retain(|id, known| {
            found.get(id) == Some(&known.revision) || {
                // What it compiled to may still be right.
                known.sets = None;
                found.contains_key(id)
            }
        });
        let stale = |id: &&String| {
            self.known.get(*id).is_none_or(|known| found.get(*id) != Some(&known.revision))
        };
        let stale: Vec<String> = found.keys().filter(stale).cloned().collect();
        for ids in stale.chunks(PAGE) {
            self.read(ids).await?;
            self.shrink();
        }
        Ok(())
    }

    async fn read(&mut self, ids: &[String]) -> Result<(), Error> {
        for (row, state) in self.deps.store.occasions_get(ids).await? {
            let before = self.known.remove(&row.id);
            let known = known(row.clone(), state.as_deref(), before);
            self.known.insert(row.id, known);
        }
        Ok(())
    }

    /// Tells each definition but those that are `done`; whether none has changed meanwhile.
    async fn once(
        &mut self,
        events: &Arc<Vec<Told>>,
        done: &mut BTreeSet<String>,
    ) -> Result<bool, Error> {
        let types: BTreeSet<&str> = events.iter().map(|told| told.event.kind()).collect();
        let wants = |known: &Known| {
            let starts = known.starts.as_ref();
            starts.is_some_and(|starts| {
                let any = |of: &BTreeSet<String>| types.iter().any(|kind| of.contains(*kind));
                known.dropped > 0 || starts.types.as_ref().is_none_or(any)
            })
        };
        let wanting = self.known.iter().filter(|(id, known)| !done.contains(*id) && wants(known));
        let wanting: Vec<String> = wanting.map(|(id, _)| id.clone()).collect();
        let (mut steps, mut size) = (Vec::new(), (0, 0));
        for id in wanting {
            let Some((step, sets, bytes)) = self.step(&id, events).await? else { continue };
            size = (size.0 + step.runs.len(), size.1 + bytes);
            steps.push((step, sets));
            if size.0 >= FULL.0 || size.1 >= FULL.1 || steps.len() >= PAGE {
                size = (0, 0);
                if !self.commit(std::mem::take(&mut steps), done).await? {
                    return Ok(false);
                }
            }
        }
        Ok(steps.is_empty() || self.commit(steps, done).await?)
    }

    /// What the events do to a definition; none: nothing.
    async fn step(
        &mut self,
        id: &String,
        events: &Arc<Vec<Told>>,
    ) -> Result<Option<(OccasionStep, Arc<Sets>, usize)>, Error> {
        if self.known.get(id).is_some_and(|known| known.sets.is_none()) {
            self.read(std::slice::from_ref(id)).await?;
        }
        let Some(known) = self.known.get(id) else { return Ok(None) };
        let (Some(starts), Some(sets)) = (known.starts.clone(), known.sets.clone()) else {
            return Ok(None);
        };
        let (name, of, all) = (id.clone(), starts.clone(), Arc::clone(events));
        // Expressions of others may take their time.
        let work = tokio::task::spawn_blocking(move || hear(&name, &of, &sets, &all));
        let Ok(outcome) = work.await else { return Err(Error::Changing) };
        let changed = outcome.changed || known.dropped > 0;
        if !changed && outcome.occasions.is_empty() {
            return Ok(None);
        }
        let time = now();
        let runs: Vec<NewRun> =
            outcome.occasions.into_iter().map(|one| self.run(id, known, one, time)).collect();
        let sets = Arc::new(outcome.sets);
        let state = changed.then(|| stored(&starts.on, &sets));
        let bytes = runs.iter().map(|run| run.state.len()).sum::<usize>();
        let given_up = outcome.given_up + known.dropped as u64;
        let step = OccasionStep {
            id: id.clone(),
            revision: known.revision,
            open_sets: i64::try_from(sets.open()).unwrap_or(i64::MAX),
            given_up: i64::try_from(given_up).unwrap_or(i64::MAX),
            runs,
            state,
        };
        let bytes = bytes + step.state.as_ref().map_or(0, Vec::len);
        Ok(Some((step, sets, bytes)))
    }

    fn run(&self, id: &str, known: &Known, occasion: Occasion, time: Timestamp) -> NewRun {
        let run = run_id_of(id, &occasion.keys);
        let state = RunState::new(occasion.input, time);
        NewRun {
            definition: known.definition.clone(),
            partition: partition_of(&run, self.deps.partitions),
            id: run,
            state: serde_json::to_vec(&state).unwrap_or_default(),
            created_at: time.0,
            parent: None,
            start_key: None,
            request_digest: "events".to_owned(),
            trace_parent: None,
        }
    }

    /// Makes it true and says so; whether it is true now.
    async fn commit(
        &mut self,
        steps: Vec<(OccasionStep, Arc<Sets>)>,
        done: &mut BTreeSet<String>,
    ) -> Result<bool, Error> {
        let (steps, sets): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
        let Some(new) = self.deps.store.occasions_step(&steps, now().0).await? else {
            return Ok(false);
        };
        let mut started: Vec<RunId> = Vec::new();
        for (step, sets) in steps.into_iter().zip(sets) {
            let OccasionStep { id, runs, state, open_sets, given_up, .. } = step;
            let own = runs.into_iter().map(|run| run.id).filter(|run| new.contains(run.as_str()));
            let own: Vec<RunId> = own.collect();
            if given_up > 0 {
                warn!(schedule = id, given_up, open_sets, "open sets of events were given up");
            }
            debug!(schedule = id, started = own.len(), open_sets, "events came");
            if let Some(known) = self.known.get_mut(&id)
                && (state.is_some() || !own.is_empty())
            {
                known.revision += 1;
                known.dropped = 0;
                known.bytes = state.map_or(known.bytes, |state| state.len());
                known.sets = Some(sets);
            }
            done.insert(id);
            started.extend(own);
        }
        self.shrink();
        if started.is_empty() {
            return Ok(true);
        }
        let inputs = started.into_iter().map(|run| RunInput { run, input: Input::Start });
        if let Err(error) =
            self.deps.bus.publish_inputs(inputs.collect(), self.deps.partitions).await
        {
            let error = &error as &dyn std::error::Error;
            warn!(error, "starts were not published; the retry engine will find the runs");
        }
        Ok(true)
    }

    /// Forgets sets when they are too large to be remembered: they are read when they are needed.
    fn shrink(&mut self) {
        let mut left = REMEMBERED_MAX;
        for known in self.known.values_mut().filter(|known| known.sets.is_some()) {
            match left.checked_sub(known.bytes) {
                Some(rest) => left = rest,
                None => known.sets = None,
            }
        }
    }
}

/// Tells a definition of events, in order. One at which its expressions break is nothing to it.
fn hear(id: &str, starts: &Starts, sets: &Sets, events: &[Told]) -> Outcome {
    let mut sets = sets.clone();
    let (mut occasions, mut given_up, mut changed) = (Vec::new(), 0, false);
    for Told { key, event, .. } in events {
        // What evaluates comes before what changes anything.
        let heard = catch_unwind(AssertUnwindSafe(|| {
            sets.hear(&starts.on, &starts.expressions, key, event)
        }));
        let Ok(heard) = heard else {
            error!(schedule = id, event = key, "an event broke what looks at it, and is left out");
            continue;
        };
        occasions.extend(heard.occasion);
        given_up += heard.given_up;
        changed |= heard.changed;
    }
    Outcome { sets, occasions, given_up, changed }
}

fn stored(on: &On, sets: &Sets) -> Vec<u8> {
    #[derive(Serialize)]
    struct Written<'a> {
        on: &'a On,
        sets: &'a Sets,
    }
    serde_json::to_vec(&Written { on, sets }).unwrap_or_default()
}

fn known(row: ScheduleRow, state: Option<&[u8]>, before: Option<Known>) -> Known {
    let same = before.filter(|before| before.schedule == row.schedule);
    let starts = match same.and_then(|same| same.starts) {
        Some(starts) => Some(starts),
        None => starts(&row),
    };
    let bytes = state.map_or(0, <[u8]>::len);
    let (mut sets, mut dropped) = (Sets::default(), 0);
    if let (Some(state), Some(starts)) = (state, &starts) {
        match serde_json::from_slice::<Stored>(state) {
            Ok(stored) if stored.on == *starts.on => sets = stored.sets,
            Ok(stored) => dropped = stored.sets.open(),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                error!(schedule = row.id, error, "stored sets of events cannot be read");
                dropped = usize::try_from(row.open_sets).unwrap_or(0);
            }
        }
    }
    Known {
        revision: row.revision,
        definition: row.definition,
        schedule: row.schedule,
        starts,
        sets: Some(Arc::new(sets)),
        bytes,
        dropped,
    }
}

fn starts(row: &ScheduleRow) -> Option<Starts> {
    let on = match serde_json::from_slice::<Schedule>(&row.schedule) {
        Ok(Schedule { trigger: Trigger::On(on), .. }) => on,
        Ok(_) => return None,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            error!(schedule = row.id, error, "a stored schedule cannot be read");
            return None;
        }
    };
    match Expressions::of(&on.expressions, Limits::default()) {
        Ok(expressions) => {
            let types = on.to.types();
            Some(Starts { on: Arc::new(*on), expressions, types })
        }
        Err(problems) => {
            let problem = problems.to_string();
            error!(schedule = row.id, problem, "a stored schedule does not compile");
            None
        }
    }
}
