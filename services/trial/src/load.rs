//! The load: what is started, what was answered, and how it is held back and drained.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use kintsugi_entities::Store;
use kintsugi_nats::Bus;
use kintsugi_promises::Answers;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{Chance, Error, client::Client, deeds, definitions::Subject, starts};

/// Answers that make no sense which are kept.
const ODD_MAX: usize = 100;

/// What was answered in this window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) answers: Answers,
    /// Starts that were published, redrives and cancellations that were not yet seen in the database.
    pub(crate) published: BTreeSet<String>,
    pub(crate) redriven: BTreeSet<String>,
    pub(crate) cancelled: BTreeSet<String>,
    /// Tasks of people that were answered: a second answer would hide that the first was lost.
    pub(crate) answered: BTreeSet<String>,
    /// Runs that wait for something that was named: their version, and what.
    pub(crate) waiting: BTreeMap<String, (i64, String)>,
    /// Answers that nobody should give.
    pub(crate) odd: Vec<String>,
}

pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    pub(crate) subjects: Vec<Subject>,
    kept: Mutex<Kept>,
    /// The number of the next run.
    pub(crate) next: AtomicU64,
    /// No more starts.
    pub(crate) ending: AtomicBool,
    /// Nothing whose answer rests on the broker alone.
    quiet: AtomicBool,
    /// Of that, how much is under way.
    resting: AtomicUsize,
    /// Starts under way.
    pub(crate) starting: AtomicUsize,
    stopped: AtomicBool,
}

/// The load, until it is stopped.
pub(crate) struct Load {
    pub(crate) shared: Arc<Shared>,
    work: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn begin(
        (client, bus, store): (Client, Bus, Store),
        subjects: Vec<Subject>,
        rate: f64,
        chance: &Chance,
    ) -> Self {
        let shared = Arc::new(Shared {
            client,
            bus,
            store,
            subjects,
            kept: Mutex::default(),
            next: AtomicU64::new(0),
            ending: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
            resting: AtomicUsize::new(0),
            starting: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let work = vec![
            tokio::spawn(starts::go_on(Arc::clone(&shared), rate, chance.beside(1))),
            tokio::spawn(deeds::watch(Arc::clone(&shared), chance.beside(2))),
            tokio::spawn(deeds::redrive(Arc::clone(&shared))),
            tokio::spawn(deeds::answer(Arc::clone(&shared))),
        ];
        Self { shared, work }
    }

    /// Holds back what is answered before the database knows of it, and waits until all that was answered
    /// so far is there.
    pub(crate) async fn hold_back(&self, within: Duration) -> Result<(), Error> {
        let (shared, deadline) = (&self.shared, Instant::now() + within);
        shared.quiet.store(true, Ordering::SeqCst);
        while Instant::now() < deadline {
            let rests = shared.resting.load(Ordering::SeqCst) > 0;
            if !rests && shared.is_stored().await == Some(true) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(Error::NotStored { within })
    }

    /// Goes on with everything that is held back.
    pub(crate) fn go_on(&self) {
        self.shared.quiet.store(false, Ordering::SeqCst);
    }

    /// Starts nothing new from now on, and waits until nothing moves, and nothing can be taken up again by
    /// a redrive that was answered; whether that was so in time.
    pub(crate) async fn drain(&self, within: Duration) -> bool {
        let (shared, deadline) = (&self.shared, Instant::now() + within);
        shared.ending.store(true, Ordering::SeqCst);
        loop {
            // What parks is redriven.
            self.go_on();
            while shared.is_still().await != Some(true) {
                if Instant::now() >= deadline {
                    return false;
                }
                sleep(Duration::from_millis(200)).await;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if self.hold_back(left.max(Duration::from_secs(1))).await.is_err() {
                return false;
            }
            if shared.is_still().await == Some(true) {
                return true;
            }
        }
    }

    /// Begins a new window: what was answered before is forgotten.
    pub(crate) fn begin_anew(&self) {
        *self.shared.kept() = Kept::default();
        self.shared.ending.store(false, Ordering::SeqCst);
        self.go_on();
    }

    /// Stops everything.
    pub(crate) async fn stop(self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for work in self.work {
            // What panicked was printed by the runtime, and nothing rests on it any more.
            let _ = work.await;
        }
    }
}

impl Shared {
    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Begins something whose answer rests on the broker for a moment; not while that is held back.
    pub(crate) fn rest(&self) -> Option<Resting<'_>> {
        self.resting.fetch_add(1, Ordering::SeqCst);
        let resting = Resting(self);
        (!self.quiet.load(Ordering::SeqCst)).then_some(resting)
    }

    /// Keeps an answer that nobody should give.
    pub(crate) fn odd(&self, what: String) {
        let mut kept = self.kept();
        if kept.odd.len() < ODD_MAX {
            kept.odd.push(what);
        }
    }
}

/// Something is under way whose answer rests on the broker.
pub(crate) struct Resting<'a>(&'a Shared);

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.resting.fetch_sub(1, Ordering::SeqCst);
    }
}
