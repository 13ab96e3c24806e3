//! Failure detectors that are lost or stand still: what a failure detector tells of all others, and nobody
//! of the only one of its kind. Where there are more, they tell the same under the same ids.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kintsugi_entities::{Page, RecoveryRow};
use kintsugi_mending::{LOST, SERVICE_SUSPECT, STALLED, Services};
use kintsugi_nats::{Liveness, ServiceBeat};
use kintsugi_runtime::{Deps, Reconciler, asked_as, now};
use tracing::info;

/// How often silent ones are looked for.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);

/// How long one that is asked may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Entries of each kind in which one looks, when it starts, for what another one noted and did not end.
const RESUMED_MAX: u32 = 500;

const SERVICE: &str = "failure-detector";

/// Those that were heard of.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Services>>);

impl Heard {
    pub(crate) fn service(&self, beat: &ServiceBeat) {
        if beat.service == SERVICE {
            self.lock().heard(beat.clone(), now(), Instant::now());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Services> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the silent ones whether they live, and records what is to be told of them.
pub(crate) struct Detectors {
    deps: Deps,
    heard: Heard,
    unrecorded: Vec<RecoveryRow>,
    resumed: bool,
    looked: Instant,
}

impl Detectors {
    pub(crate) fn new(deps: Deps, heard: Heard) -> Self {
        Self { deps, heard, unrecorded: Vec::new(), resumed: false, looked: Instant::now() }
    }

    async fn resume(&mut self) -> Result<(), kintsugi_entities::Error> {
        if self.resumed {
            return Ok(());
        }
        for kind in [LOST, STALLED] {
            let page = Page { limit: RESUMED_MAX, cursor: None };
            let mut rows = self.deps.store.recoveries_list(page, None, Some(kind)).await?.items;
            rows.retain(|row| row.id.split(':').nth(1) == Some(SERVICE));
            self.heard.lock().resume(&rows, Instant::now());
        }
        self.resumed = true;
        Ok(())
    }
}

impl Reconciler for Detectors {
    type Error = kintsugi_entities::Error;

    async fn activate(&mut self) -> Result<(), kintsugi_entities::Error> {
        // Silence says nothing while this process was frozen or had no connection.
        let was_away = self.looked.elapsed() > PERIOD + ANSWER_MAX + SERVICE_SUSPECT;
        self.looked = Instant::now();
        if was_away || !self.deps.bus.is_connected() {
            self.heard.lock().listen_anew(Instant::now());
            return Ok(());
        }
        self.resume().await?;
        let silent = self.heard.lock().silent(Instant::now());
        let mut frozen = Vec::new();
        for name in silent {
            match self.deps.bus.ping_worker(&asked_as(&name.0, &name.1), ANSWER_MAX).await {
                Ok(Liveness::Silent) => frozen.push(name),
                Ok(Liveness::NoResponders) => {
                    self.heard.lock().is_gone(&name, Instant::now());
                }
                Ok(Liveness::Answered) | Err(_) => {}
            }
        }
        let rows = self.heard.lock().tell(&frozen, now(), Instant::now(), "monitoring");
        for row in &rows {
            info!(kind = row.kind, what = row.decided, outcome = row.outcome, "told of a service");
        }
        self.unrecorded.extend(rows);
        if !self.unrecorded.is_empty() {
            self.deps.store.recovery_note(&self.unrecorded).await?;
            self.unrecorded.clear();
        }
        Ok(())
    }
}
