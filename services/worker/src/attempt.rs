//! One attempt that this worker holds: the lease, and how it ends.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kintsugi_core::Timestamp;
use kintsugi_nats::{TaskDelivery, TaskMessage};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::{
    engine::{LEASE, Link},
    targets::{Called, Targets},
};

/// Why an attempt ends before its handler does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The engine wants it no more.
    Cancelled,
    /// It took longer than its limit.
    TimedOut,
    /// It said nothing of its progress for too long.
    Silent,
    /// The worker is stopping.
    Stopping,
    /// The worker was cut off from the broker for longer than it may hold it.
    CutOff,
    /// Those that came with it in one message keep all slots.
    HeldUp,
}

/// An attempt that this worker holds, from its delivery until its result is stored.
///
/// However it ends (by its handler, a limit, a cancellation, the end of the worker), it is reported
/// once: by whoever [`Attempt::claim_end`]s it first.
pub(crate) struct Attempt {
    /// What was delivered, without the input, which the handler gets.
    pub(crate) message: TaskMessage,
    /// When it began, by the wall clock; for people.
    pub(crate) since: Timestamp,
    /// When it began.
    pub(crate) started: Instant,
    /// When it must be done.
    pub(crate) deadline: Instant,
    /// Fires when its handler should stop.
    pub(crate) stopped: CancellationToken,
    /// Whether the handler wants to clean up when stopped.
    pub(crate) listens: AtomicBool,
    /// What the handler said last about how far it is.
    pub(crate) progress: Mutex<Option<Value>>,
    /// When it said so, or began.
    pub(crate) heard: Mutex<Instant>,
    /// Whether the engine was told that it runs.
    pub(crate) announced: AtomicBool,
    /// Whether the broker is reached.
    pub(crate) link: Arc<Link>,
    /// What tasks of this worker call.
    pub(crate) targets: Arc<Targets>,
    /// What this attempt has called.
    pub(crate) called: Mutex<BTreeMap<String, Called>>,
    why: OnceLock<Stop>,
    ended: AtomicBool,
    delivery: Mutex<Held>,
    /// Room in the list of unsent results, taken before the task was.
    _room: OwnedSemaphorePermit,
}

struct Held {
    delivery: TaskDelivery,
    touched: Instant,
}

impl Attempt {
    pub(crate) fn new(
        message: TaskMessage,
        delivery: TaskDelivery,
        room: OwnedSemaphorePermit,
        (link, targets): (Arc<Link>, Arc<Targets>),
    ) -> Self {
        let started = Instant::now();
        // A limit that does not fit an instant is none: a year will do.
        let limit = Duration::from_millis(message.start_to_close_ms.min(31_536_000_000));
        Self {
            message,
            since: now(),
            started,
            deadline: started + limit,
            stopped: CancellationToken::new(),
            listens: AtomicBool::new(false),
            progress: Mutex::new(None),
            heard: Mutex::new(started),
            announced: AtomicBool::new(false),
            link,
            targets,
            called: Mutex::default(),
            why: OnceLock::new(),
            ended: AtomicBool::new(false),
            delivery: Mutex::new(Held { delivery, touched: started }),
            _room: room,
        }
    }

    /// Whether nothing was heard of its progress for longer than its lease.
    pub(crate) fn is_silent(&self) -> bool {
        let Some(lease) = self.message.lease_ms.map(Duration::from_millis) else { return false };
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= lease
    }

    /// Whether the worker was cut off for longer than it may hold this unheard.
    pub(crate) fn is_cut_off(&self) -> bool {
        let lease = self.message.lease_ms.map_or(LEASE, Duration::from_millis).min(LEASE);
        let unheard = self.link.cut_off_for();
        !unheard.is_zero() && unheard >= lease
    }

    /// When something was heard of its progress last, by the wall clock.
    pub(crate) fn heard_at(&self) -> Timestamp {
        let silent = self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        let silent = i64::try_from(silent.as_millis()).unwrap_or(i64::MAX);
        Timestamp(now().0.saturating_sub(silent))
    }

    /// Whether the caller is the one to report how this attempt ended.
    pub(crate) fn claim_end(&self) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }

    /// Tells the handler to stop.
    pub(crate) fn stop(&self, why: Stop) {
        let _ = self.why.set(why);
        self.stopped.cancel();
    }

    /// Why it was told to stop.
    pub(crate) fn why(&self) -> Option<Stop> {
        self.why.get().copied()
    }

    /// What this attempt was let through to for all others, and did not reach.
    pub(crate) fn not_reached(&self) -> Option<String> {
        let called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        let timed_out = self.why() == Some(Stop::TimedOut);
        let failed = |it: &Called| it.is_canary && (it.has_failed || timed_out);
        called.iter().find(|(_, it)| failed(it)).map(|(target, _)| target.clone())
    }

    /// The delivery that is to be acked.
    pub(crate) fn delivery(&self) -> TaskDelivery {
        self.held().delivery.clone()
    }

    /// The delivery, when the broker has to be told by now that it is still being worked on.
    pub(crate) fn due_in_progress(&self, period: Duration) -> Option<TaskDelivery> {
        let mut held = self.held();
        (held.touched.elapsed() >= period).then(|| {
            held.touched = Instant::now();
            held.delivery.clone()
        })
    }

    /// The broker delivered the message once more while this worker holds it: that delivery is the
    /// one to ack from now on.
    pub(crate) fn replace_delivery(&self, delivery: TaskDelivery) {
        *self.held() = Held { delivery, touched: Instant::now() };
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.delivery.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}
