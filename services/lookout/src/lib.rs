//! Services that are silent: asked whether they live, and what comes of it told and written down.
//!
//! What follows from silence and answers is judged by `kintsugi_mending`; this is the shell around it. More
//! than one service has it: the failure detector looks out for all, the monitoring service for the failure
//! detectors. Where two look out for the same one they tell the same under the same ids.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::future::join_all;
use kintsugi_entities::{Error, Page, RecoveryRow};
use kintsugi_mending::{LOST, NOTED, Name, SERVICE_SUSPECT, STALLED, Services};
use kintsugi_nats::{Bus, Liveness, ServiceBeat};
use kintsugi_runtime::{Deps, Reconciler, asked_as, now};
use tracing::{info, warn};

/// How often silent ones are looked for.
pub const PERIOD: Duration = Duration::from_secs(1);

/// How long one that is asked may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Entries of each kind in which one looks, when it starts, for what another one noted and did not end.
const RESUMED_MAX: u32 = 500;

/// Asks all of these at once whether they live, and gives what is known of each then; of whom nothing could
/// be asked nothing is said. Takes as long as the slowest of them, a second and a quarter at most.
pub async fn ask(bus: &Bus, names: Vec<Name>) -> Vec<(Name, Liveness)> {
    let asked = names.iter().map(|(service, instance)| async {
        bus.ping_worker(&asked_as(service, instance), ANSWER_MAX).await
    });
    let answers = join_all(asked).await;
    names.into_iter().zip(answers).filter_map(|(name, it)| Some((name, it.ok()?))).collect()
}

/// The services that were heard of. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    known: Arc<Mutex<Services>>,
    /// None: all services.
    only: Option<&'static str>,
}

impl Heard {
    /// Nobody but the instances of this service.
    #[must_use]
    pub fn only(service: &'static str) -> Self {
        Self { only: Some(service), ..Self::default() }
    }

    /// Notes a sign of life; says whether something follows from it.
    pub fn service(&self, beat: &ServiceBeat) -> bool {
        self.wants(&beat.service) && self.lock().heard(beat.clone(), now(), Instant::now())
    }

    fn wants(&self, service: &str) -> bool {
        self.only.is_none_or(|only| only == service)
    }

    fn lock(&self) -> MutexGuard<'_, Services> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks silent services whether they live, and records those that stand still or are lost, and what came
/// of it.
pub struct Lookout {
    deps: Deps,
    heard: Heard,
    by: &'static str,
    unrecorded: Vec<RecoveryRow>,
    resumed: bool,
    looked: Instant,
}

impl Lookout {
    /// Looks out for those that are heard of; what it writes down says that this service did.
    #[must_use]
    pub fn new(deps: Deps, heard: Heard, by: &'static str) -> Self {
        let (unrecorded, looked) = (Vec::new(), Instant::now());
        Self { deps, heard, by, unrecorded, resumed: false, looked }
    }

    /// What one before noted has an owner again.
    async fn resume(&mut self) -> Result<(), Error> {
        if self.resumed {
            return Ok(());
        }
        for kind in [LOST, STALLED] {
            let page = Page { limit: RESUMED_MAX, cursor: None };
            let mut rows = self.deps.store.recoveries_list(page, None, Some(kind)).await?.items;
            rows.retain(|row| row.id.split(':').nth(1).is_some_and(|of| self.heard.wants(of)));
            self.heard.lock().resume(&rows, Instant::now());
        }
        self.resumed = true;
        Ok(())
    }

    /// Those of the silent ones that are there and do not answer.
    async fn frozen(&self) -> Vec<Name> {
        let silent = self.heard.lock().silent(Instant::now());
        let mut frozen = Vec::new();
        for (name, liveness) in ask(&self.deps.bus, silent).await {
            match liveness {
                Liveness::Silent => frozen.push(name),
                Liveness::NoResponders => {
                    if self.heard.lock().is_gone(&name, Instant::now()) {
                        info!(service = name.0, instance = name.1, "a service is gone");
                    }
                }
                Liveness::Answered => {}
            }
        }
        frozen
    }

    /// Looks who has which partition, when somebody took some.
    async fn owners(&self) -> Result<(), Error> {
        if self.heard.lock().want_owners() {
            let rows = self.deps.store.partitions_all().await?;
            self.heard.lock().owned(&rows, now());
        }
        Ok(())
    }
}

impl Reconciler for Lookout {
    type Error = Error;

    /// Killed between what is noted here and its row: the next one finds what is silent by then only if it
    /// heard of it. Killed behind the row: the next one takes it up.
    async fn activate(&mut self) -> Result<(), Error> {
        // Silence says nothing while this process was frozen or had no connection.
        let was_away = self.looked.elapsed() > PERIOD + ANSWER_MAX + SERVICE_SUSPECT;
        self.looked = Instant::now();
        if was_away || !self.deps.bus.is_connected() {
            self.heard.lock().listen_anew(Instant::now());
            return Ok(());
        }
        self.resume().await?;
        let frozen = self.frozen().await;
        let owners = self.owners().await;
        let rows = self.heard.lock().tell(&frozen, now(), Instant::now(), self.by);
        for row in &rows {
            let (kind, what, outcome) = (&row.kind, &row.decided, &row.outcome);
            if *outcome == NOTED {
                warn!(kind, what, "a service is in trouble");
            } else {
                info!(kind, what, outcome, "told of a service");
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
