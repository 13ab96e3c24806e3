//! Services that are up and do not move: a process that is there and answers nobody, or one that says
//! of a part of itself that it stands still.
//!
//! Others take over by themselves what they can (partitions); this is for those who have to know.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt, future::join_all};
use kintsugi_core::Timestamp;
use kintsugi_entities::{Page, RecoveryRow};
use kintsugi_nats::{Liveness, ServiceBeat};
use kintsugi_runtime::{Deps, Reconciler, Shutdown, Waker, asked_as, now};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::{Error, charge::Charge};

/// How often silent ones are looked for.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);

/// Silence after which a service is asked whether it lives: two beats and a half.
const SUSPECT: Duration = Duration::from_millis(2_500);

/// How long it may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Before the next attempt to listen.
const PAUSE: Duration = Duration::from_millis(500);

/// How a stall is named in the recovery log, and what is written until it is over.
const KIND: &str = "service_stalled";
const NOTED: &str = "noted";

/// What begins twice within this is the same, in milliseconds.
const SAME_MS: i64 = 10_000;

/// Rows that are read of what another one recorded.
const TAKEN_MAX: u32 = 200;

/// More than these are not followed: anyone on the bus can send signs of life.
const SERVICES_MAX: usize = 10_000;

/// A service of a process.
type Name = (String, String);

#[derive(Debug)]
struct Member {
    heard: Instant,
    /// What it says of itself.
    says: Option<String>,
    /// What was recorded of it and is not over: under which name, and since when.
    open: Option<Stall>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stall {
    since: Timestamp,
    what: String,
}

/// Every service that was heard of.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<Name, Member>);

impl Known {
    fn heard(&mut self, beat: ServiceBeat, now: Instant) -> bool {
        let name = (beat.service, beat.instance);
        if self.0.len() >= SERVICES_MAX && !self.0.contains_key(&name) {
            return false;
        }
        let fresh = Member { heard: now, says: None, open: None };
        let member = self.0.entry(name).or_insert(fresh);
        (member.heard, member.says) = (now, beat.stalled);
        member.says.is_some() != member.open.is_some()
    }

    fn listen_anew(&mut self, now: Instant) {
        self.0.values_mut().for_each(|member| member.heard = now);
    }

    fn silent(&self, now: Instant) -> Vec<Name> {
        let silent = |member: &Member| now.duration_since(member.heard) >= SUSPECT;
        self.0.iter().filter(|(_, member)| silent(member)).map(|(name, _)| name.clone()).collect()
    }

    /// What is to be recorded now: stalls that began and such that are over.
    fn changes(&mut self, frozen: &[Name], time: Timestamp) -> Vec<(Name, Stall, bool)> {
        let mut changes = Vec::new();
        for (name, member) in &mut self.0 {
            let what = if frozen.contains(name) {
                Some("it is connected and answers nobody".to_owned())
            } else {
                member.says.as_ref().map(|part| format!("its part does not move: {part}"))
            };
            match (&member.open, what) {
                (None, Some(what)) => {
                    let stall = Stall { since: time, what };
                    member.open = Some(stall.clone());
                    changes.push((name.clone(), stall, true));
                }
                (Some(_), None) => {
                    let stall = member.open.take();
                    changes.extend(stall.map(|stall| (name.clone(), stall, false)));
                }
                _ => {}
            }
        }
        changes
    }
}

/// Notes signs of life until `shutdown`; wakes the reconciler when one says something else than before.
pub(crate) async fn listen(
    deps: Deps,
    (known, charge): (Arc<Mutex<Known>>, Charge),
    waker: Waker,
    shutdown: Shutdown,
) {
    let work = async {
        loop {
            if let Ok(beats) = deps.bus.service_beats().await {
                let mut beats = std::pin::pin!(beats);
                while let Some(beat) = beats.next().await {
                    charge.heard(&beat, Instant::now());
                    if lock(&known).heard(beat, Instant::now()) {
                        waker.wake();
                    }
                }
            }
            sleep(PAUSE).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

/// Asks silent services whether they live, and records those that stand still, and that they move again.
pub(crate) struct Services {
    deps: Deps,
    known: Arc<Mutex<Known>>,
    charge: Charge,
    /// Whether it knows what the one before it recorded.
    knows: bool,
    unrecorded: Vec<RecoveryRow>,
}

impl Services {
    pub(crate) fn new(deps: Deps, known: Arc<Mutex<Known>>, charge: Charge) -> Self {
        Self { deps, known, charge, knows: false, unrecorded: Vec::new() }
    }

    /// Takes over what the one in charge before recorded and what is not over.
    async fn take_over(&mut self) -> Result<(), Error> {
        let page = Page { limit: TAKEN_MAX, cursor: None };
        let found = self.deps.store.recoveries_list(page, None, Some(KIND)).await?;
        let mut known = lock(&self.known);
        let open = found.items.iter().filter(|row| row.outcome == NOTED);
        for (name, stall) in open.filter_map(read) {
            if let Some(member) = known.0.get_mut(&name) {
                member.open.get_or_insert(stall);
            }
        }
        self.knows = true;
        Ok(())
    }

    /// Those of the silent ones that are there and do not answer. Those that are gone are forgotten: they
    /// were stopped, or whatever runs them starts them again.
    async fn frozen(&self, silent: Vec<Name>) -> Vec<Name> {
        let asked = silent.iter().map(|(service, instance)| async {
            self.deps.bus.ping_worker(&asked_as(service, instance), ANSWER_MAX).await
        });
        let answers = join_all(asked).await;
        let mut frozen = Vec::new();
        for (name, answer) in silent.into_iter().zip(answers) {
            match answer {
                Ok(Liveness::Silent) => frozen.push(name),
                Ok(Liveness::NoResponders) => {
                    let mut known = lock(&self.known);
                    let member = known.0.get_mut(&name);
                    // Heard of meanwhile: what it says now counts.
                    if let Some(member) = member.filter(|it| it.heard.elapsed() >= SUSPECT) {
                        info!(service = name.0, instance = name.1, "a service is gone");
                        member.says = None;
                        if member.open.is_none() {
                            known.0.remove(&name);
                        }
                    }
                }
                Ok(Liveness::Answered) | Err(_) => {}
            }
        }
        frozen
    }
}

impl Reconciler for Services {
    type Error = Error;

    /// Killed between what is noted here and its row: the next detector notes it anew. After the row: it
    /// reads it, and goes on.
    async fn activate(&mut self) -> Result<(), Error> {
        self.charge.look(&self.deps).await;
        if !self.charge.is_mine(Instant::now()) {
            self.knows = false;
            lock(&self.known).0.values_mut().for_each(|member| member.open = None);
            return Ok(());
        }
        if !self.knows {
            self.take_over().await?;
        }
        if !self.deps.bus.is_connected() {
            lock(&self.known).listen_anew(Instant::now());
            return Ok(());
        }
        let silent = lock(&self.known).silent(Instant::now());
        let frozen = self.frozen(silent).await;
        let time = now();
        let changes = lock(&self.known).changes(&frozen, time);
        for (name, stall, begins) in changes {
            if begins {
                warn!(service = name.0, instance = name.1, what = stall.what, "does not move");
            } else {
                info!(service = name.0, instance = name.1, "moves again, or is gone");
            }
            self.unrecorded.push(row(&name, &stall, begins, time));
        }
        if !self.unrecorded.is_empty() {
            self.deps.store.recovery_note(&self.unrecorded).await?;
            self.unrecorded.clear();
        }
        Ok(())
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stall, as [`row`] wrote it.
fn read(row: &RecoveryRow) -> Option<(Name, Stall)> {
    let (service, rest) = row.id.strip_prefix("stalled:")?.split_once(':')?;
    let (instance, _) = rest.rsplit_once(':')?;
    let what = row.decided.split_once('(').map_or("", |(_, what)| what);
    let what = what.split_once("): ").map_or(what, |(what, _)| what).to_owned();
    let stall = Stall { since: Timestamp(row.seen_at), what };
    Some(((service.to_owned(), instance.to_owned()), stall))
}

fn row((service, instance): &Name, stall: &Stall, begins: bool, at: Timestamp) -> RecoveryRow {
    let decided = if service == "orchestrator" {
        "others take its partitions; it is fenced by their epochs when it moves again"
    } else {
        "others of its kind do its work; started again where its process can do that"
    };
    RecoveryRow {
        // Of two that see the same for a moment, one row is left.
        id: format!("stalled:{service}:{instance}:{}", stall.since.0 / SAME_MS),
        at: at.0,
        kind: KIND.to_owned(),
        run: None,
        task: None,
        epoch: None,
        worker: None,
        seen_at: stall.since.0,
        decided: format!("{service} {instance} does not move ({}): {decided}", stall.what),
        outcome: if begins { NOTED } else { "moves again, or is gone" }.to_owned(),
        duration_ms: i64::try_from(at.since(stall.since)).unwrap_or(i64::MAX),
        by: "failure-detector".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(stalled: Option<&str>) -> ServiceBeat {
        let stalled = stalled.map(str::to_owned);
        let (service, instance) = ("orchestrator".to_owned(), "a".to_owned());
        ServiceBeat { service, instance, pid: 1, ready: stalled.is_none(), stalled }
    }

    #[test]
    fn a_stall_is_recorded_once_and_its_end_too() {
        let (mut known, now) = (Known::default(), Instant::now());
        assert!(!known.heard(beat(None), now) && known.changes(&[], Timestamp(1)).is_empty());
        assert!(known.heard(beat(Some("lane for 10 s")), now), "that is worth a look");
        let changes = known.changes(&[], Timestamp(2));
        assert!(changes.len() == 1 && changes[0].2, "{changes:?}");
        assert!(!known.heard(beat(Some("lane for 11 s")), now));
        assert!(known.changes(&[], Timestamp(3)).is_empty());
        assert!(known.heard(beat(None), now));
        let over = known.changes(&[], Timestamp(4));
        assert!(over.len() == 1 && !over[0].2 && over[0].1 == changes[0].1, "{over:?}");
    }

    #[test]
    fn the_next_one_in_charge_reads_what_is_not_over() {
        let name = ("orchestrator".to_owned(), "host-1:2".to_owned());
        let stall = Stall { since: Timestamp(123_456), what: "lane (for 10 s)".to_owned() };
        let row = row(&name, &stall, true, Timestamp(130_000));
        assert_eq!(read(&row).unwrap(), (name, stall));
    }

    #[test]
    fn one_that_is_silent_is_asked_and_stands_still_when_it_is_there() {
        let (mut known, now) = (Known::default(), Instant::now());
        known.heard(beat(None), now);
        assert!(known.silent(now).is_empty());
        let silent = known.silent(now + SUSPECT);
        assert_eq!(silent.len(), 1);
        assert!(known.changes(&silent, Timestamp(1))[0].2);
        known.heard(beat(None), now + SUSPECT);
        assert!(!known.changes(&[], Timestamp(2))[0].2);
    }
}
