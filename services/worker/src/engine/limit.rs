//! How much the worker may take, where the failure detector said so.

use std::time::{Duration, Instant};

use kintsugi_nats::Limit;
use tokio::sync::watch;

/// The longest that a word holds which is not said again.
const HOLDS_MAX: Duration = Duration::from_secs(60);

/// What was said last, as long as it holds.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Tasks of a type at a time.
    pub(super) slots: u32,
    /// Why.
    pub(super) reason: String,
    until: Instant,
}

impl Kept {
    pub(super) fn left_ms(&self) -> u64 {
        let left = self.until.saturating_duration_since(Instant::now());
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }
}

/// How much the worker may take; none: as much as it has room for.
pub(super) struct Limited(watch::Sender<Option<Kept>>);

impl Default for Limited {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Limited {
    /// Takes a word of the failure detector in. The same again only holds for longer.
    pub(super) fn told(&self, limit: Limit) {
        let holds = Duration::from_millis(limit.for_ms).min(HOLDS_MAX);
        let next = (!holds.is_zero()).then(|| Kept {
            slots: limit.slots,
            reason: limit.reason,
            until: Instant::now() + holds,
        });
        self.put(next);
    }

    /// Forgets what holds no more.
    pub(super) fn expire(&self) {
        let over = |kept: &Kept| kept.until <= Instant::now();
        if self.0.borrow().as_ref().is_some_and(over) {
            self.put(None);
        }
    }

    fn put(&self, next: Option<Kept>) {
        let slots = |kept: &Option<Kept>| kept.as_ref().map(|kept| kept.slots);
        self.0.send_if_modified(|kept| {
            let changed = slots(kept) != slots(&next);
            *kept = next;
            changed
        });
    }

    pub(super) fn now(&self) -> Option<Kept> {
        self.0.borrow().clone()
    }

    /// Changes when another number of tasks may be taken.
    pub(super) fn watch(&self) -> watch::Receiver<Option<Kept>> {
        self.0.subscribe()
    }
}
