//! Handles to the outside world, opened once per process.

use std::{
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kintsugi_entities::Store;
use kintsugi_nats::{Bus, Limits};
use kintsugi_observability::Tracer;
use tokio::time::{Instant, timeout};

/// How often a process asks whether its database is there, and how often while it is not. Parts that
/// use it say sooner that it is gone; this is for services that rest.
const LOOK: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1));

/// How long the database may take to say that it is there.
const ANSWER_MAX: Duration = Duration::from_millis(1_500);

/// A round of work that takes this long is reason to ask.
const SLOW: Duration = Duration::from_secs(1);

use crate::{
    Secret,
    progress::{Progress, Round, Stalled},
};

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
    /// The part of a service of this process that does not move.
    fn stalled(&self, service: &str) -> Option<Stalled>;
    /// How often a service of this process took partitions.
    fn claims(&self, service: &str) -> u64;
    /// Looks whether what no service of this process can work without is there, if it is time to.
    fn look(&self) -> impl Future<Output = ()> + Send;
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

    fn stalled(&self, service: &str) -> Option<Stalled> {
        self.announce.stalled(service)
    }

    fn claims(&self, service: &str) -> u64 {
        self.announce.said().claims.get(service).copied().unwrap_or_default()
    }

    async fn look(&self) {
        if self.announce.store_is_due() {
            let answered = timeout(ANSWER_MAX, self.store.ping()).await;
            self.announce.store_answers(matches!(answered, Ok(Ok(()))));
        }
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

    /// A worker tells of each of its tasks by itself.
    fn stalled(&self, _: &str) -> Option<Stalled> {
        None
    }

    fn claims(&self, _: &str) -> u64 {
        0
    }

    /// A worker needs the bus alone, and a sign of life says by its coming that the bus is there.
    async fn look(&self) {}
}

/// What services say of themselves: where they listen, for the ready file, and what they cannot do
/// at the moment, for readiness.
#[derive(Clone, Debug, Default)]
pub struct Announce {
    said: Arc<Mutex<Said>>,
    progress: Progress,
}

#[derive(Debug, Default)]
struct Said {
    addresses: BTreeMap<&'static str, SocketAddr>,
    troubles: BTreeMap<(&'static str, &'static str), String>,
    claims: BTreeMap<&'static str, u64>,
    looked: Option<Instant>,
    store_is_gone: bool,
}

/// A part of a service that works by itself and can be in trouble by itself.
#[derive(Clone, Debug)]
pub struct Part {
    announce: Announce,
    service: &'static str,
    part: &'static str,
}

impl Part {
    /// Says that it begins a round of work, which is over when what is returned is dropped. One that takes
    /// too long stands still, which its service says of itself.
    pub fn begin(&self) -> Round {
        self.announce.progress.begin(self.service, self.part)
    }

    /// The same of a round that may have much to do, and so may take minutes.
    pub fn begin_long(&self) -> Round {
        self.announce.progress.begin_long(self.service, self.part)
    }

    /// Says how its last round went.
    pub fn said<E: std::error::Error>(&self, done: &Result<(), E>) {
        self.trouble(done.as_ref().err().map(ToString::to_string));
    }

    /// Says what it cannot do at the moment; none: it does its work.
    pub fn trouble(&self, what: Option<String>) {
        let mut said = self.announce.said();
        let key = (self.service, self.part);
        match what {
            Some(what) => said.troubles.insert(key, what),
            None => said.troubles.remove(&key),
        };
    }
}

impl Announce {
    /// Says that `name` (for example `http`) is served at `address`.
    pub fn set(&self, name: &'static str, address: SocketAddr) {
        self.said().addresses.insert(name, address);
    }

    /// Says that `service` took partitions, so that whoever follows who has which looks again.
    pub fn claimed(&self, service: &'static str) {
        *self.said().claims.entry(service).or_default() += 1;
    }

    /// Every address said so far.
    #[must_use]
    pub fn all(&self) -> BTreeMap<&'static str, SocketAddr> {
        self.said().addresses.clone()
    }

    /// Where a part of `service` says what it cannot do. The service is ready while none of its parts
    /// is in trouble.
    #[must_use]
    pub fn part(&self, service: &'static str, part: &'static str) -> Part {
        Part { announce: self.clone(), service, part }
    }

    /// Whether `service` does its work and moves, and has the database to do it.
    #[must_use]
    pub fn is_well(&self, service: &str) -> bool {
        let said = self.said();
        !said.store_is_gone
            && !said.troubles.keys().any(|(of, _)| *of == service)
            && self.progress.stalled(service, Instant::now()).is_none()
    }

    /// The part of `service` that does not move.
    #[must_use]
    pub fn stalled(&self, service: &str) -> Option<Stalled> {
        self.progress.stalled(service, Instant::now())
    }

    /// Whether it is time to look for the database; says so to one who asks, not to all.
    fn store_is_due(&self) -> bool {
        let (mut said, now) = (self.said(), Instant::now());
        // Whoever waits may wait for the database, which does not say that it is gone where it is cut off.
        let slow = self.progress.is_slow(SLOW, now);
        let period = if said.store_is_gone || slow { LOOK.1 } else { LOOK.0 };
        let due = said.looked.is_none_or(|at| now.duration_since(at) >= period);
        if due {
            said.looked = Some(now);
        }
        due
    }

    fn store_answers(&self, answers: bool) {
        let was_gone = std::mem::replace(&mut self.said().store_is_gone, !answers);
        if was_gone == answers {
            tracing::warn!(answers, "the database is {}", if answers { "back" } else { "gone" });
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
