//! The loop: take what waits, decide, commit, publish.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::Duration,
};

use futures::{FutureExt, StreamExt, stream::BoxStream};
use kintsugi_core::{Input, RunId, partition_of};
use kintsugi_deciding::{
    Arrived, Decided, Origin, Outbox, Owned, Programs, Rules, Runs, Widths, decide, must_wait,
};
use kintsugi_entities::{Committed, MailLimit, MailWaiting};
use kintsugi_nats::{EventDelivery, EventReader, LifeBatch, RunInput, StartDelivery, stream};
use kintsugi_runtime::{Deps, Part, Shutdown, now};
use tokio::sync::{mpsc, watch};
use tracing::{debug, error, warn};

use crate::{
    Config, Error, Lifecycle,
    fresh::Fresh,
    life, ownership, publish,
    purge::Purge,
    spans::{Change, Spans},
    unsaid,
};

/// The pause after a failure of the store or the bus.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs whose inboxes one batch looks into.
const MAIL_RUNS_MAX: usize = 64;

/// What one batch takes from an inbox, beyond the first event.
const MAIL_MAX: MailLimit = MailLimit { count: 64, bytes: 1 << 20 };

/// What comes to a lane: inputs from the stream, starts from gateways.
type Sources = (EventReader, BoxStream<'static, StartDelivery>);

/// Why reading stops and begins anew.
enum Again {
    /// Other partitions fall to this process, or the stream is another one.
    Claim,
    /// Something failed; a pause, then claim.
    Pause,
    /// The end.
    Stop,
}

/// Works until `shutdown`; whatever fails is tried again from what is stored.
pub(crate) async fn run(
    config: Config,
    deps: Deps,
    mut shares: watch::Receiver<BTreeSet<u16>>,
    shutdown: Shutdown,
) {
    let spans = Spans::start(deps.store.clone(), deps.tracer.clone());
    let runs = Runs::new(config.cached_runs_max as usize);
    let programs = Programs::new(config.cached_programs_max as usize);
    let widths = Widths::new(config.tasks_per_message_max);
    let life = life::publisher(deps.bus.clone());
    let part = deps.announce.part(crate::NAME, "lane");
    let mut lane = Lane {
        config,
        deps,
        spans,
        life,
        told: LifeBatch::default(),
        runs,
        programs,
        owned: Owned::default(),
        memory: String::new(),
        widths,
        unfinished: Vec::new(),
        starts: Vec::new(),
        mail: BTreeSet::new(),
        purge: Purge::default(),
    };
    while !shutdown.is_cancelled() {
        let share = shares.borrow_and_update().clone();
        if share.is_empty() {
            tokio::select! {
                () = changed(&mut shares) => {}
                () = shutdown.cancelled() => {}
            }
            continue;
        }
        let round = part.begin();
        let claimed = lane.claim(&share).await;
        drop(round);
        let again = match claimed {
            Ok(mut sources) => {
                part.trouble(None);
                lane.work(&mut sources, &part, &mut shares, &shutdown).await
            }
            Err(error) => {
                part.trouble(Some("cannot take partitions".to_owned()));
                warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot take partitions; trying again"
                );
                Again::Pause
            }
        };
        match again {
            Again::Claim => {}
            Again::Pause => tokio::time::sleep(PAUSE).await,
            Again::Stop => return,
        }
    }
}

/// Waits for another share; for ever when it cannot change, as in a process that is alone.
async fn changed(shares: &mut watch::Receiver<BTreeSet<u16>>) {
    if shares.changed().await.is_err() {
        std::future::pending().await
    }
}

struct Lane {
    config: Config,
    deps: Deps,
    spans: Spans,
    life: mpsc::Sender<LifeBatch>,
    /// Lifecycle events that are not published yet.
    told: LifeBatch,
    runs: Runs,
    programs: Programs,
    owned: Owned,
    /// By what the broker knows repeats of tasks.
    memory: String,
    widths: Widths,
    unfinished: Vec<RunId>,
    /// Starts that wait to be accepted.
    starts: Vec<StartDelivery>,
    /// Runs for which events lie in the store.
    mail: BTreeSet<RunId>,
    purge: Purge,
}

impl Lane {
    async fn claim(&mut self, share: &BTreeSet<u16>) -> Result<Sources, Error> {
        self.runs.clear();
        self.unfinished.clear();
        for start in self.starts.drain(..) {
            start.answer(false).await;
        }
        self.mail.clear();
        // Positions may count anew: in a stream that was made anew, none of it was purged.
        self.purge.forget();
        self.owned = ownership::claim(&self.deps, share).await?;
        let partitions: Vec<u16> = self.owned.epochs.keys().copied().collect();
        self.memory = self.deps.bus.memory(stream::TASKS).await?;
        unsaid::ask(&self.deps, &self.owned.epochs).await?;
        let reader = self.deps.bus.read_events(&partitions, self.owned.read_from()).await?;
        Ok((reader, self.deps.bus.handed_over(&partitions).await?.boxed()))
    }

    async fn work(
        &mut self,
        (reader, starts): &mut Sources,
        part: &Part,
        shares: &mut watch::Receiver<BTreeSet<u16>>,
        shutdown: &Shutdown,
    ) -> Again {
        loop {
            // What was cut off, or is to be told of events, goes on at once, together with whatever
            // else waits.
            let goes_on =
                !self.unfinished.is_empty() || !self.mail.is_empty() || !self.starts.is_empty();
            let batch = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Again::Stop,
                () = changed(shares) => return Again::Claim,
                batch = reader.next_batch(self.config.batch_max as usize) => batch,
                Some(start) = starts.next() => {
                    self.starts.push(start);
                    Ok(Vec::new())
                }
                () = tokio::task::yield_now(), if goes_on => Ok(Vec::new()),
            };
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    debug!(error = &error as &dyn std::error::Error, "reading events anew");
                    return Again::Pause;
                }
            };
            let most = self.config.batch_max as usize;
            while self.starts.iter().map(|one| one.starts.len().max(1)).sum::<usize>() < most
                && let Some(Some(start)) = starts.next().now_or_never()
            {
                self.starts.push(start);
            }
            let round = part.begin();
            let mut fresh = Fresh::default();
            let taken = self.take(batch, &mut fresh, shutdown).await;
            fresh.answer(false).await;
            drop(round);
            match taken {
                Ok(None) => {}
                Ok(Some(again)) => return again,
                Err(error) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "batch failed; reading it again"
                    );
                    return Again::Pause;
                }
            }
            self.purge.now_and_then(&self.deps.bus, &self.owned.positions).await;
        }
    }

    /// Takes a batch to a committed decision, and says what follows from it.
    async fn take(
        &mut self,
        batch: Vec<EventDelivery>,
        fresh: &mut Fresh,
        shutdown: &Shutdown,
    ) -> Result<Option<Again>, Error> {
        let (mut inputs, mut positions) = (Vec::new(), BTreeMap::new());
        for delivery in batch {
            let seq = i64::try_from(delivery.seq).unwrap_or(i64::MAX);
            if !self.owned.is_new(delivery.partition, seq) {
                continue;
            }
            positions.insert(delivery.partition, seq);
            self.widths.hear(delivery.widths, now());
            let mut unreadable = delivery.rejected;
            match delivery.inputs {
                Ok(found) => inputs.extend(self.own(found, delivery.partition).await?),
                Err(rejected) => unreadable.push(rejected),
            }
            for rejected in unreadable {
                error!(reason = rejected.reason, "an event cannot be read; put aside");
                self.deps.bus.reject("events", &rejected.reason, &rejected.raw).await?;
            }
        }
        for run in mem::take(&mut self.unfinished) {
            inputs.push(RunInput { run, input: Input::Tick });
        }
        let MailWaiting { rows: events, more } = self.events(&mut inputs).await?;
        let time = now();
        let at = (&self.deps.store, &self.owned, self.deps.partitions);
        let (starts, known) = (mem::take(&mut self.starts), (&mut self.runs, &mut self.programs));
        *fresh = Fresh::ready(starts, at, known, time, &mut inputs).await?;
        let (depth_max, children_max) = (self.config.depth_max, self.config.children_max);
        let rules = Rules { partitions: self.deps.partitions, depth_max, children_max };
        let told = Arrived { inputs, events };
        let how = (rules, self.config.lifecycle == Lifecycle::Full);
        let known = (&mut self.runs, &mut self.programs);
        let mut decided = decide(&self.deps.store, known, told, how, time).await?;
        if !fresh.accept(&mut self.runs, &mut decided) {
            error!("a start panicked; all of this batch are left to their gateways");
            return Ok(Some(Again::Pause));
        }
        for (input, reason) in mem::take(&mut decided.rejected) {
            error!(workflow.id = %input.run, reason, "an input cannot be handled; put aside");
            let raw = serde_json::to_vec(&input).unwrap_or_default();
            self.deps.bus.reject("events", &reason, &raw).await?;
        }
        // Only where something was settled: what cannot be told now would else be asked for for ever.
        let settled = decided.batch.mail.taken.iter().chain(&decided.batch.mail.parked);
        let settled: BTreeSet<&RunId> = settled.map(|(run, _)| run).collect();
        self.mail.extend(more.into_iter().filter(|run| settled.contains(run)));
        let batch = &decided.batch;
        let is_idle = batch.runs.is_empty() && batch.children.is_empty();
        if is_idle && batch.mail.is_empty() && batch.requests_taken.is_empty() {
            // Nothing to store: the positions go with the next commit.
            self.owned.positions.extend(positions);
            Box::pin(self.follow(decided, time, shutdown)).await;
            return Ok(None);
        }
        let all = self.owned.after(&positions);
        decided.batch.positions = self.owned.fenced(&all);
        match self.deps.store.commit_batch(&decided.batch).await? {
            Committed::Done => {}
            Committed::Fenced => {
                warn!("another orchestrator took partitions over");
                return Ok(Some(Again::Pause));
            }
            Committed::Conflict(runs) => {
                warn!(runs = runs.len(), "runs were written by another orchestrator");
                return Ok(Some(Again::Pause));
            }
        }
        self.owned.positions = all;
        fresh.answer(true).await;
        self.follow(decided, time, shutdown).await;
        Ok(None)
    }

    /// Those of `inputs` that belong to the partition that they came in. Others are sent to their own,
    /// whose owner alone writes their runs.
    async fn own(&self, inputs: Vec<RunInput>, partition: u16) -> Result<Vec<RunInput>, Error> {
        let count = self.deps.partitions;
        let (own, strays): (Vec<_>, Vec<_>) =
            inputs.into_iter().partition(|input| partition_of(&input.run, count) == partition);
        if !strays.is_empty() {
            debug!(partition, strays = strays.len(), "inputs came in another partition");
            self.deps.bus.publish_inputs(strays, count).await?;
        }
        Ok(own)
    }

    async fn follow(&mut self, decided: Decided, time: kintsugi_core::Timestamp, stop: &Shutdown) {
        self.tell_ended(&decided).await;
        let mut outbox = Outbox { wake_at: decided.wake_at, ..Outbox::default() };
        outbox.inputs = decided.answers;
        let started = decided.batch.children.into_iter().map(|child| child.id);
        outbox.inputs.extend(started.map(|run| RunInput { run, input: Input::Start }));
        let mut origin: Option<(RunId, Origin)> = None;
        for (id, effect) in decided.effects {
            if origin.as_ref().is_none_or(|(of, _)| *of != id) {
                let Some(run) = self.runs.get(&id) else { continue };
                let of = Origin { definition: run.definition.clone(), trace: run.trace };
                origin = Some((id.clone(), of));
            }
            if let Some((_, of)) = &origin {
                outbox.add(self.deps.partitions, (&id, of), effect, time);
            }
        }
        publish::send(outbox, &self.deps, time, (&mut self.memory, &self.widths), stop).await;
        for changed in decided.changes {
            let Some(run) = self.runs.get(&changed.run) else { continue };
            if let Some(compiled) = self.programs.get(&run.definition) {
                life::events(run, &compiled.program, &changed, &mut self.told);
            }
            let (id, steps) = (changed.run, changed.steps);
            if self.spans.are_wanted() {
                self.spans.give(Change {
                    definition: run.definition.clone(),
                    trace_parent: run.trace_parent.clone(),
                    created_at: run.state.created_at,
                    version: run.version,
                    run: id.clone(),
                    steps,
                });
            }
            if run.state.status.is_terminal() {
                self.runs.forget(&id);
            }
        }
        let told = self.told.take();
        if !told.is_empty() && self.life.try_send(told).is_err() {
            // They tell; nothing rests on them. Who needs them all reads the store.
            debug!("too many lifecycle events wait; some are dropped");
        }
        self.unfinished = decided.unfinished;
        self.mail.extend(decided.batch.mail.offered);
    }

    /// The events that wait for runs of which a message, or a decision, said that some do. An event
    /// itself is no input for the stream: it would be lost where no listen takes it.
    async fn events(&mut self, inputs: &mut Vec<RunInput>) -> Result<MailWaiting, Error> {
        let (mut runs, mut foreign) = (mem::take(&mut self.mail), Vec::new());
        inputs.retain_mut(|RunInput { run, input }| match input {
            Input::Mail => {
                runs.insert(run.clone());
                false
            }
            Input::Event { .. } => {
                foreign.push(serde_json::to_vec(&(&*run, &*input)).unwrap_or_default());
                false
            }
            _ => true,
        });
        for raw in foreign {
            let reason = "events come through `kintsugi.api.signal` or `kintsugi.cloudevents.>`";
            self.deps.bus.reject("events", reason, &raw).await?;
        }
        // One that is at an earlier event asks when it is done with it.
        runs.retain(|run| self.runs.get(run).is_none_or(|run| !must_wait(&run.state)));
        let mut runs: Vec<RunId> = runs.into_iter().collect();
        self.mail.extend(runs.split_off(runs.len().min(MAIL_RUNS_MAX)));
        if runs.is_empty() {
            return Ok(MailWaiting::default());
        }
        Ok(self.deps.store.mail_waiting(&runs, MAIL_MAX).await?)
    }

    /// Tells who waits for a result, before all else: it is in the database.
    async fn tell_ended(&self, decided: &Decided) {
        let ended =
            |id: &&RunId| self.runs.get(id).is_some_and(|run| run.state.status.is_terminal());
        let ended: Vec<RunId> =
            decided.changes.iter().map(|change| &change.run).filter(ended).cloned().collect();
        if let Err(error) = self.deps.bus.ended(&ended).await {
            // Who waits looks again by itself.
            debug!(error = &error as &dyn std::error::Error, "not told who waits");
        }
    }
}
