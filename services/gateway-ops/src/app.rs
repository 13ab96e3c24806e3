//! What the gateway holds: handles to the outside, and its own few parts.

use std::sync::{Arc, Mutex, PoisonError};

use kintsugi_core::{DefinitionRef, Timestamp};
use kintsugi_egress::Fetcher;
use kintsugi_entities::{Resolved, Store};
use kintsugi_explain::Engine;
use kintsugi_nats::Bus;
use kintsugi_runtime::{Deps, Places, Shutdown};
use tokio::sync::Semaphore;

use crate::{
    beats::Beats,
    config::Config,
    follow::Follows,
    problem::Problem,
    resolved::Definitions,
    retire::no_definition,
    starts::Starts,
    watches::{For, Watches},
};

/// Payloads that are taken over HTTP at once.
const UPLOADS_MAX: usize = 32;

/// What every request works with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The store.
    pub store: Store,
    /// The bus.
    pub bus: Bus,
    /// How many partitions runs are shared out to.
    pub partitions: u16,
    /// Batches starts.
    pub(crate) starts: Starts,
    /// Gets what definitions refer to.
    pub(crate) fetcher: Fetcher,
    /// Definitions that were asked for lately.
    pub(crate) definitions: Definitions,
    /// Orders the events that are sent to runs.
    pub(crate) places: Places,
    /// Tells of runs that end.
    pub(crate) ends: Watches,
    /// Tells of anything that happens to runs.
    pub(crate) changes: Watches,
    /// Lifecycle events for those who follow everything.
    pub(crate) follows: Arc<Follows>,
    /// Workers and services by their signs of life.
    pub(crate) beats: Arc<Beats>,
    /// Event streams that may still be opened.
    pub(crate) streams: Arc<Semaphore>,
    /// Payloads that may still be taken over HTTP at once; each costs memory for a chunk.
    pub uploads: Semaphore,
    /// Fires when the gateway stops: waiting requests end then.
    pub shutdown: Shutdown,
    /// When the process last said what is wrong with the store or the bus.
    warned: Mutex<Option<Timestamp>>,
}

impl App {
    /// Puts the parts together and starts them. They stop with `shutdown`, starts apart, which
    /// stop when the last request is answered.
    ///
    /// # Errors
    ///
    /// When there is no HTTP client to be had.
    pub fn new(
        config: Config,
        deps: Deps,
        shutdown: Shutdown,
    ) -> Result<Arc<Self>, kintsugi_egress::Error> {
        let fetcher = Fetcher::new(config.resources.rules())?;
        let Deps { store, bus, partitions, .. } = deps;
        let starts = Starts::spawn(store.clone(), bus.clone(), partitions, &config);
        let ends = Watches::spawn(bus.clone(), For::End, shutdown.clone());
        let changes = Watches::spawn(bus.clone(), For::Change, shutdown.clone());
        let follows = Follows::spawn(bus.clone(), shutdown.clone());
        let beats = Beats::spawn(bus.clone(), shutdown.clone());
        let streams = Arc::new(Semaphore::new(config.streams_max));
        let (definitions, warned) = (Definitions::default(), Mutex::default());
        Ok(Arc::new(Self {
            config,
            store,
            bus,
            partitions,
            starts,
            fetcher,
            definitions,
            places: Places::default(),
            ends,
            changes,
            follows,
            beats,
            streams,
            uploads: Semaphore::new(UPLOADS_MAX),
            shutdown,
            warned,
        }))
    }

    /// Answers the starts that wait, and takes no more.
    pub async fn stop(&self) {
        self.starts.stop().await;
    }

    /// The definition that `wanted` names, with `latest` resolved, to start a run of it.
    ///
    /// # Errors
    ///
    /// 404 when there is none, 409 when it is retired.
    pub(crate) async fn definition(
        &self,
        wanted: &DefinitionRef,
    ) -> Result<DefinitionRef, Problem> {
        if let Some(known) = self.definitions.get(wanted) {
            return Ok(known);
        }
        let found = self.store.definitions_resolve(std::slice::from_ref(wanted)).await;
        let found = found.map_err(|e| self.store_problem(e))?.pop().unwrap_or(Resolved::Missing);
        let id = match found {
            Resolved::Found(id) => id,
            Resolved::Retired(id) => {
                let title = format!("the definition {id} is retired: it starts no runs");
                return Err(Problem::conflict("definition_retired", title));
            }
            Resolved::Missing => return Err(no_definition(wanted)),
        };
        let found = DefinitionRef::parse(&id).map_err(|_| Problem::internal())?;
        self.definitions.put(wanted, &found);
        Ok(found)
    }

    /// Who is there, by signs of life, for an explanation of what does not move.
    pub fn who_is_there(&self, engine: &mut Engine) {
        self.beats.facts(engine);
    }

    /// What a client is told when the store fails.
    pub fn store_problem(&self, error: kintsugi_entities::Error) -> Problem {
        if let kintsugi_entities::Error::Invalid { what } = error {
            return Problem::bad_request("invalid_parameter", what);
        }
        let transient = error.is_transient();
        self.warn("the store failed", transient, &error);
        if transient {
            Problem::unavailable("store_unavailable", "the database does not answer")
        } else {
            Problem::internal()
        }
    }

    /// Logs an outage once a second at most: every request of it meets the same.
    fn warn(&self, what: &'static str, transient: bool, error: &(dyn std::error::Error + 'static)) {
        if !transient {
            tracing::error!(error, what, "a request failed");
            return;
        }
        let now = kintsugi_runtime::now();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|last| now.since(last) >= 1_000) {
            *warned = Some(now);
            tracing::warn!(error, what, "a request failed");
        }
    }
}
