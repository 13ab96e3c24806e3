//! How many tasks of a type the worker may hold, where the failure detector said so.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use kintsugi_nats::TypeLimit;
use tokio::sync::watch;

/// The longest that a word holds which is not said again.
const HOLDS_MAX: Duration = Duration::from_secs(60);

/// What was said last, as long as it holds.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// Tasks at a time.
    pub(super) slots: u32,
    /// Only a single task under this number.
    pub(super) once: Option<u64>,
    /// Why.
    pub(super) reason: String,
    until: Instant,
}

/// How many tasks of a type may be held; none: as many as there is room for.
pub(crate) struct Limited {
    kept: watch::Sender<Option<Kept>>,
    /// One more than the number under which the last single task was taken; 0: none was.
    spent: AtomicU64,
}

impl Default for Limited {
    fn default() -> Self {
        Self { kept: watch::Sender::new(None), spent: AtomicU64::new(0) }
    }
}

impl Limited {
    /// Takes a word of the failure detector in. The same again only holds for longer.
    pub(super) fn told(&self, said: &TypeLimit, for_ms: u64) {
        let holds = Duration::from_millis(for_ms).min(HOLDS_MAX);
        let spent = said
            .once
            .is_some_and(|once| self.spent.load(Ordering::Acquire) == once.saturating_add(1));
        self.put(Some(Kept {
            slots: if spent { 0 } else { said.slots },
            once: said.once,
            reason: said.reason.clone(),
            until: Instant::now() + holds,
        }));
    }

    /// The single task under this number was taken: nothing more is.
    pub(super) fn spend(&self, once: u64) {
        self.spent.store(once.saturating_add(1), Ordering::Release);
        self.kept.send_modify(|kept| {
            if let Some(kept) = kept.as_mut().filter(|kept| kept.once == Some(once)) {
                kept.slots = 0;
            }
        });
    }

    /// Nothing is said of this type any more.
    pub(super) fn lift(&self) {
        if self.kept.borrow().is_some() {
            self.put(None);
        }
    }

    /// Forgets what holds no more.
    pub(super) fn expire(&self) {
        let over = |kept: &Kept| kept.until <= Instant::now();
        if self.kept.borrow().as_ref().is_some_and(over) {
            self.put(None);
        }
    }

    fn put(&self, next: Option<Kept>) {
        let slots = |kept: &Option<Kept>| kept.as_ref().map(|kept| (kept.slots, kept.once));
        self.kept.send_if_modified(|kept| {
            let changed = slots(kept) != slots(&next);
            *kept = next;
            changed
        });
    }

    pub(super) fn now(&self) -> Option<Kept> {
        self.kept.borrow().clone()
    }

    /// Changes when another number of tasks may be held.
    pub(super) fn watch(&self) -> watch::Receiver<Option<Kept>> {
        self.kept.subscribe()
    }
}
