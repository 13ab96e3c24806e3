//! Counts what is in the store, as often as that is cheap.
//!
//! To count is to read an index of all runs, which takes a third of a second for a million. So a count
//! is kept for as long as it must be for counting to take a small share of the time, whoever asks, and
//! while the next one is under way the last is given out with its age.

use std::time::Duration;

use kintsugi_core::Timestamp;
use kintsugi_entities::{Counts, Error, Store};
use kintsugi_runtime::now;
use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Instant, timeout},
};

/// A count is kept for so many times what it took: it takes a twentieth of one connection.
const KEPT_TIMES: u32 = 20;

/// An older one is not given out any more.
const AGE_MAX: Duration = Duration::from_secs(15);

/// How long a count that is under way is waited for when there is another one.
const PATIENCE: Duration = Duration::from_millis(30);

/// What was counted.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    /// When that began.
    pub(crate) at: Timestamp,
    pub(crate) counts: Counts,
    since: Instant,
    took: Duration,
}

impl Counted {
    fn of(at: Timestamp, since: Instant, counts: Counts) -> Self {
        Self { at, counts, since, took: since.elapsed() }
    }

    fn is_fresh(&self) -> bool {
        self.since.elapsed() < self.took.saturating_mul(KEPT_TIMES).min(AGE_MAX)
    }
}

/// Keeps the newest count.
pub(crate) struct Counting {
    store: Store,
    limit: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    newest: Option<Counted>,
    /// Goes on when whoever asked has gone.
    running: Option<JoinHandle<Result<Counted, Error>>>,
}

impl Counting {
    /// Waits for a first count `limit` at most.
    pub(crate) fn new(store: Store, limit: Duration) -> Self {
        Self { store, limit, state: Mutex::default() }
    }

    /// What there is, now or a moment ago.
    ///
    /// # Errors
    ///
    /// When the database does not answer, and did not lately either: why, for people.
    pub(crate) async fn counted(&self) -> Result<Counted, String> {
        let mut state = self.state.lock().await;
        let State { newest, running } = &mut *state;
        if running.is_none()
            && let Some(counted) = newest.as_ref().filter(|it| it.is_fresh())
        {
            return Ok(counted.clone());
        }
        let known = newest.as_ref().filter(|it| it.since.elapsed() < AGE_MAX);
        let patience = if known.is_some() { PATIENCE } else { self.limit };
        let work = running.get_or_insert_with(|| tokio::spawn(count(self.store.clone())));
        let Ok(done) = timeout(patience, work).await else {
            let late = || format!("store: no answer within {:?}", self.limit);
            return known.cloned().ok_or_else(late);
        };
        *running = None;
        let counted = done
            .map_err(|error| format!("store: {error}"))?
            .map_err(|error| format!("store: {error}"))?;
        *newest = Some(counted.clone());
        Ok(counted)
    }
}

async fn count(store: Store) -> Result<Counted, Error> {
    let (at, since) = (now(), Instant::now());
    let counts = store.counts().await?;
    Ok(Counted::of(at, since, counts))
}

#[cfg(test)]
#[path = "../tests/unit/count.rs"]
mod tests;
