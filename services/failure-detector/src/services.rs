//! Services that are up and do not move, and such that are lost: killed, crashed or cut off.
//!
//! Others take over by themselves what they can (partitions); this is for those who have to know.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all};
use kintsugi_entities::{Page, RecoveryRow};
use kintsugi_mending::{LOST, NOTED, Name, SERVICE_SUSPECT, STALLED, Services as Known};
use kintsugi_nats::Liveness;
use kintsugi_runtime::{Deps, Reconciler, Shutdown, Waker, asked_as, now};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::{Error, charge::Charge};

/// How often silent ones are looked for.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);

/// How long one that is asked may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Before the next attempt to listen.
const PAUSE: Duration = Duration::from_millis(500);

/// Entries of each kind in which one looks, when it starts, for what another one noted and did not end.
const RESUMED_MAX: u32 = 500;

const BY: &str = "failure-detector";

/// Notes signs of life until `shutdown`; wakes the reconciler when something follows from one.
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
                    charge.heard(&beat, tokio::time::Instant::now());
                    if lock(&known).heard(beat, now(), Instant::now()) {
                        waker.wake();
                    }
                }
            }
            sleep(PAUSE).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

/// Asks silent services whether they live, and records those that stand still or are lost, and what came
/// of it.
pub(crate) struct Services {
    deps: Deps,
    known: Arc<Mutex<Known>>,
    charge: Charge,
    unrecorded: Vec<RecoveryRow>,
    resumed: bool,
    looked: Instant,
}

impl Services {
    pub(crate) fn new(deps: Deps, known: Arc<Mutex<Known>>, charge: Charge) -> Self {
        let (unrecorded, looked) = (Vec::new(), Instant::now());
        Self { deps, known, charge, unrecorded, resumed: false, looked }
    }

    /// What one before noted has an owner again.
    async fn resume(&mut self) -> Result<(), Error> {
        if self.resumed {
            return Ok(());
        }
        for kind in [LOST, STALLED] {
            let page = Page { limit: RESUMED_MAX, cursor: None };
            let rows = self.deps.store.recoveries_list(page, None, Some(kind)).await?;
            lock(&self.known).resume(&rows.items, Instant::now());
        }
        self.resumed = true;
        Ok(())
    }

    /// Those of the silent ones that are there and do not answer.
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
                    if lock(&self.known).is_gone(&name, Instant::now()) {
                        info!(service = name.0, instance = name.1, "a service is gone");
                    }
                }
                Ok(Liveness::Answered) | Err(_) => {}
            }
        }
        frozen
    }

    /// Looks who has which partition, when somebody took some.
    async fn owners(&self) -> Result<(), Error> {
        if lock(&self.known).want_owners() {
            let rows = self.deps.store.partitions_all().await?;
            lock(&self.known).owned(&rows, now());
        }
        Ok(())
    }
}

impl Reconciler for Services {
    type Error = Error;

    /// Killed between what is noted here and its row: the next detector finds what is silent by then only
    /// if it heard of it. Killed behind the row: the next one takes it up.
    ///
    /// Who is in charge is no matter here: the one that is lost may be the one that was, and two write the
    /// same row.
    async fn activate(&mut self) -> Result<(), Error> {
        self.charge.look(&self.deps).await;
        // Silence says nothing while this process was frozen or had no connection.
        let was_away = self.looked.elapsed() > PERIOD + ANSWER_MAX + SERVICE_SUSPECT;
        self.looked = Instant::now();
        if was_away || !self.deps.bus.is_connected() {
            lock(&self.known).listen_anew(Instant::now());
            return Ok(());
        }
        self.resume().await?;
        let silent = lock(&self.known).silent(Instant::now());
        let frozen = self.frozen(silent).await;
        let owners = self.owners().await;
        let rows = lock(&self.known).tell(&frozen, now(), Instant::now(), BY);
        for row in &rows {
            if row.outcome == NOTED {
                warn!(kind = row.kind, what = row.decided, "a service is in trouble");
            } else {
                info!(
                    kind = row.kind,
                    what = row.decided,
                    outcome = row.outcome,
                    "told of a service"
                );
            }
        }
        self.unrecorded.extend(rows);
        if !self.unrecorded.is_empty() {
            self.deps.store.recovery_note(&self.unrecorded).await?;
            self.unrecorded.clear();
        }
        owners
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
