//! Starts the runs of schedules.
//!
//! The orchestrator with the first partition looks. Whoever moves the row on has started the run, in
//! the same transaction, so two that look do no harm. The run has an id that follows from its due time, and its row is due at once: killed
//! before the start is published, the retry engine finds it like any other.

use std::{collections::BTreeSet, time::Duration};

use futures::StreamExt;
use kintsugi_core::{Input, RunId, Status, Timestamp};
use kintsugi_deciding::{Due, Waits, due};
use kintsugi_entities::{ScheduleRow, ScheduleStep};
use kintsugi_nats::{RunInput, WakeHint};
use kintsugi_runtime::{Deps, Part, Shutdown, now};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::{debug, error, warn};

use crate::{
    Error,
    ownership::{has_first, left_first},
};

/// The longest between two looks: a hint of something earlier may be lost.
const LOOK: Duration = Duration::from_secs(5);

/// The shortest between two looks that hints ask for: most are of runs, not of schedules.
const GAP: Duration = Duration::from_millis(500);

/// How soon a round that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Due schedules that one round takes.
const BATCH: usize = 100;

/// Starts what is due until `shutdown`, while `shares` has the first partition.
pub(crate) async fn run(
    deps: Deps,
    mut shares: watch::Receiver<BTreeSet<u16>>,
    part: Part,
    shutdown: Shutdown,
) {
    while has_first(&mut shares, &shutdown).await {
        look_after(&deps, &mut shares, &part, &shutdown).await;
        part.trouble(None);
    }
}

/// Sleeps until the earliest due time, a hint or the next look, whichever comes first.
async fn look_after(
    deps: &Deps,
    shares: &mut watch::Receiver<BTreeSet<u16>>,
    part: &Part,
    shutdown: &Shutdown,
) {
    let mut schedules = Schedules { deps: deps.clone(), waits: Waits::default(), soonest: None };
    let mut hints = schedules.hints().await;
    let gone = left_first(shares);
    tokio::pin!(gone);
    let (mut next, mut looked) = (Instant::now(), Instant::now());
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = &mut gone => return,
            () = sleep_until(next) => {
                looked = Instant::now();
                let at_work = part.begin();
                let done = schedules.round().await;
                drop(at_work);
                part.trouble(done.as_ref().err().map(ToString::to_string));
                next = Instant::now() + match done {
                    Ok(pause) => pause.min(LOOK),
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        warn!(error, "schedules were not looked at; will try again");
                        AGAIN
                    }
                };
            }
            hint = hints.next() => match hint {
                Some(hint) => {
                    let pause = Duration::from_millis(Timestamp(hint.at).since(now())).min(LOOK);
                    next = next.min((Instant::now() + pause).max(looked + GAP));
                }
                None => {
                    tokio::time::sleep(AGAIN).await;
                    hints = schedules.hints().await;
                }
            },
        }
    }
}

struct Schedules {
    deps: Deps,
    waits: Waits,
    /// The earliest time that this round moved a schedule on to.
    soonest: Option<i64>,
}

impl Schedules {
    async fn hints(&self) -> futures::stream::BoxStream<'static, WakeHint> {
        match self.deps.bus.wake_hints().await {
            Ok(hints) => hints.boxed(),
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "no hints; looking only");
                futures::stream::pending().boxed()
            }
        }
    }

    /// Looks at every schedule whose time has come, and gives how long nothing else is due.
    async fn round(&mut self) -> Result<Duration, Error> {
        let (time, instant) = (now(), Instant::now());
        let limit = BATCH + self.waits.len();
        let rows = self.deps.store.schedules_next(u32::try_from(limit).unwrap_or(u32::MAX)).await?;
        let full = rows.len() == limit;
        let is_due = |row: &ScheduleRow| row.next_at.is_some_and(|at| at <= time.0);
        let (due, ahead): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_due);
        let due = self.waits.look(&due, instant.into_std());
        let runs: Vec<RunId> = due.iter().filter_map(|row| row.last_run.clone()).collect();
        self.soonest = None;
        let standing = self.deps.store.runs_standing(&runs).await?;
        for row in due {
            let last = row.last_run.as_ref().and_then(|run| standing.get(run)).copied();
            match self.look(&row, last, now()).await {
                Ok(()) => {}
                Err(Error::Store(error)) if !error.is_transient() => {
                    let error = &error as &dyn std::error::Error;
                    error!(schedule = row.id, error, "a schedule's run was refused");
                    self.waits.aside(&row, Instant::now().into_std());
                }
                Err(error) => return Err(error),
            }
        }
        if full && ahead.is_empty() {
            return Ok(Duration::from_millis(1));
        }
        let ahead = ahead.first().and_then(|row| row.next_at);
        let next = ahead.into_iter().chain(self.soonest).min().unwrap_or(i64::MAX);
        let next = Duration::from_millis(Timestamp(next).since(now()).max(1));
        let next = self.waits.pause(instant.into_std()).map_or(next, |pause| pause.min(next));
        Ok(next.max(Duration::from_millis(1)))
    }

    async fn look(
        &mut self,
        row: &ScheduleRow,
        last: Option<(Status, Option<i64>)>,
        time: Timestamp,
    ) -> Result<(), Error> {
        match due(row, last, time, self.deps.partitions) {
            Ok(Due::Wait(cancel)) => {
                self.waits.wait(row, Instant::now().into_std());
                if let Some(input) = cancel {
                    self.deps.bus.publish_inputs(vec![input], self.deps.partitions).await?;
                }
                Ok(())
            }
            Ok(Due::Step(step)) => self.step(row, step).await,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                error!(schedule = row.id, error, "a stored schedule cannot be read");
                self.waits.aside(row, Instant::now().into_std());
                Ok(())
            }
        }
    }

    async fn step(&mut self, row: &ScheduleRow, step: ScheduleStep) -> Result<(), Error> {
        self.waits.end(&row.id);
        if !self.deps.store.schedule_step(&step).await? {
            debug!(schedule = row.id, "another one moved the schedule on");
            self.soonest = Some(0);
            return Ok(());
        }
        self.soonest = self.soonest.into_iter().chain(step.next_at).min();
        let (started, skipped) = (step.runs.len(), step.skipped);
        debug!(schedule = row.id, definition = row.definition, started, skipped, "a due time came");
        if step.runs.is_empty() {
            return Ok(());
        }
        let inputs =
            step.runs.into_iter().map(|(run, _)| RunInput { run: run.id, input: Input::Start });
        if let Err(error) =
            self.deps.bus.publish_inputs(inputs.collect(), self.deps.partitions).await
        {
            let error = &error as &dyn std::error::Error;
            warn!(error, "starts were not published; the retry engine will find the runs");
        }
        Ok(())
    }
}
