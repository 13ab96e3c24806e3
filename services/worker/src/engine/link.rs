//! Whether the broker still hears this worker, asked while it holds something.
//!
//! A worker that is cut off runs on, and nobody tells it that its tasks were given to others. So it
//! asks by itself: handlers can see that their hold is uncertain, and what has a lease is stopped when
//! that has passed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::shared::Shared;

/// Between two questions, and how long one may take.
const ASK: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(400));

/// Without an answer for this long, others may be at what this worker holds: the failure detector waits
/// hardly longer.
const CUT_OFF: Duration = Duration::from_millis(1_500);

/// For how long the broker leaves a message with a worker of which it hears nothing (`ack_wait`). What
/// has no lease of its own has this one.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// Since when the broker does not answer; none: it does.
#[derive(Debug, Default)]
pub(crate) struct Link(Mutex<Option<Instant>>);

impl Link {
    /// How long the broker has not answered; zero: it does, or has not been silent for long.
    pub(crate) fn cut_off_for(&self) -> Duration {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn set(&self, since: Option<Instant>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *known, since).is_some() != since.is_some()
    }
}

/// Asks while something is held, until `alive` is over.
pub(super) async fn watch(shared: Arc<Shared>, alive: CancellationToken) {
    let mut answered = Instant::now();
    while alive.run_until_cancelled(tokio::time::sleep(ASK.0)).await.is_some() {
        // Who holds nothing has nothing to lose; it comes back as a new one does.
        if shared.leases.is_empty() || is_there(&shared).await {
            answered = Instant::now();
        }
        let since = Some(answered).filter(|at| at.elapsed() >= CUT_OFF);
        let changed = shared.link.set(since);
        if changed && since.is_some() {
            let held = shared.leases.all().len();
            warn!(held, "the broker is not reached: others may be at what this worker holds");
        } else if changed {
            info!("the broker is reached again");
        }
    }
}

/// Asks after somebody who is not there. That nobody is, only the broker can say.
async fn is_there(shared: &Shared) -> bool {
    let asked = shared.bus.ping_worker("nobody", ASK.1).await;
    asked.is_ok_and(|known| known != kintsugi_nats::Liveness::Silent)
}
