//! Handles to the outside world, opened once per process.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kintsugi_entities::Store;
use kintsugi_nats::{Bus, Limits};
use kintsugi_observability::Tracer;

use crate::Secret;

/// Handles to the outside world, opened once per process and cheap to clone.
#[derive(Clone)]
pub struct Deps {
    /// The store.
    pub store: Store,
    /// The bus.
    pub bus: Bus,
    /// Where closed spans go.
    pub tracer: Tracer,
    /// Names this process among its kind.
    pub instance: String,
    /// How many partitions runs are shared out to. Fixed for the life of a store.
    pub partitions: u16,
    /// Every service of the engine is in this process, and there is no other one.
    pub alone: bool,
    /// How large the streams may grow.
    pub stream_limits: Limits,
    /// Where a service says which addresses it listens at.
    pub announce: Announce,
}

/// What a worker process gets: the bus and a name, and no way to the store.
#[derive(Clone)]
pub struct WorkerDeps {
    /// The bus.
    pub bus: Bus,
    /// Where closed spans go.
    pub tracer: Tracer,
    /// Names this process among its kind.
    pub instance: String,
    /// Secrets of workflows that the environment gives, by name.
    pub secrets: BTreeMap<String, Secret>,
}

/// What a host needs of any service's handles.
pub trait Links: Clone + Send + Sync + 'static {
    /// The bus.
    fn bus(&self) -> &Bus;
    /// Names this process among its kind.
    fn instance(&self) -> &str;
    /// Whether a service of this process does its work.
    fn is_well(&self, service: &str) -> bool;
}

impl Links for Deps {
    fn bus(&self) -> &Bus {
        &self.bus
    }

    fn instance(&self) -> &str {
        &self.instance
    }

    fn is_well(&self, service: &str) -> bool {
        self.announce.is_well(service)
    }
}

impl Links for WorkerDeps {
    fn bus(&self) -> &Bus {
        &self.bus
    }

    fn instance(&self) -> &str {
        &self.instance
    }

    fn is_well(&self, _: &str) -> bool {
        true
    }
}

/// What services say of themselves: where they listen, for the ready file, and what they cannot do
/// at the moment, for readiness.
#[derive(Clone, Debug, Default)]
pub struct Announce(Arc<Mutex<Said>>);

#[derive(Debug, Default)]
struct Said {
    addresses: BTreeMap<&'static str, SocketAddr>,
    troubles: BTreeMap<&'static str, String>,
}

impl Announce {
    /// Says that `name` (for example `http`) is served at `address`.
    pub fn set(&self, name: &'static str, address: SocketAddr) {
        self.said().addresses.insert(name, address);
    }

    /// Every address said so far.
    #[must_use]
    pub fn all(&self) -> BTreeMap<&'static str, SocketAddr> {
        self.said().addresses.clone()
    }

    /// Says what `service` cannot do at the moment; none: it does its work. Until it says so, it is
    /// not ready.
    pub fn trouble(&self, service: &'static str, what: Option<String>) {
        let mut said = self.said();
        match what {
            Some(what) => said.troubles.insert(service, what),
            None => said.troubles.remove(service),
        };
    }

    /// Whether `service` does its work.
    #[must_use]
    pub fn is_well(&self, service: &str) -> bool {
        !self.said().troubles.contains_key(service)
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
