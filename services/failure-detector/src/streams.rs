//! The broker's streams: there, and the same as before?

use std::{collections::BTreeMap, time::Duration};

use futures::StreamExt;
use kintsugi_entities::RecoveryRow;
use kintsugi_runtime::{Deps, Reconciler, Shutdown, Waker, now};
use tracing::{debug, info, warn};

use crate::Error;

/// Before the next attempt at a subscription that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes streams that are gone anew, and has every open run looked at when one was (promise P8).
///
/// What a stream was is stored, so that one that was replaced while this service was down is
/// noticed too.
pub(crate) struct Streams {
    deps: Deps,
    audit: Waker,
    known: Option<BTreeMap<String, String>>,
    /// A stream was lost: what was too young to be judged then is looked at once more.
    again: bool,
}

impl Streams {
    pub(crate) fn new(deps: Deps, audit: Waker) -> Self {
        Self { deps, audit, known: None, again: false }
    }
}

/// Wakes `looker` as soon as a stream may be gone, until `shutdown`. It looks without that as well.
pub(crate) async fn listen(deps: Deps, looker: Waker, shutdown: Shutdown) {
    let work = async {
        loop {
            match deps.bus.stream_hints().await {
                Ok(hints) => {
                    let mut hints = std::pin::pin!(hints);
                    while hints.next().await.is_some() {
                        looker.wake();
                    }
                }
                Err(error) => debug!(error = &error as &dyn std::error::Error, "no hints"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

impl Reconciler for Streams {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        if !self.deps.bus.is_connected() {
            return Ok(());
        }
        if std::mem::take(&mut self.again) {
            self.audit.wake();
        }
        let mut known = match self.known.take() {
            Some(known) => known,
            None => self.deps.store.streams_known().await?.into_iter().collect(),
        };
        let seen_at = now();
        let mut states = self.deps.bus.stream_states().await?;
        if states.iter().any(|state| state.created.is_none() || state.is_left_over) {
            self.deps.bus.ensure_streams(&self.deps.stream_limits).await?;
            states = self.deps.bus.stream_states().await?;
        }
        for state in states {
            let Some(created) = state.created else { continue };
            let before = known.get(&state.name);
            if before == Some(&created) {
                continue;
            }
            let is_first = before.is_none();
            self.deps.store.stream_note(&state.name, &created).await?;
            known.insert(state.name.clone(), created);
            if is_first {
                info!(stream = state.name, "stream noted");
                continue;
            }
            warn!(stream = state.name, "stream was lost and made anew; looking at every open run");
            self.deps.store.recovery_note(&[row(&state.name, seen_at)]).await?;
            self.audit.wake();
            self.again = true;
        }
        self.known = Some(known);
        Ok(())
    }
}

fn row(stream: &str, seen_at: kintsugi_core::Timestamp) -> RecoveryRow {
    let at = now();
    RecoveryRow {
        id: format!("stream:{stream}:{}", seen_at.0),
        at: at.0,
        kind: "stream_lost".to_owned(),
        run: None,
        task: None,
        epoch: None,
        worker: None,
        seen_at: seen_at.0,
        decided: format!("made {stream} anew and compared every open run with who holds what"),
        outcome: "mended".to_owned(),
        duration_ms: i64::try_from(at.since(seen_at)).unwrap_or(i64::MAX),
        by: "failure-detector".to_owned(),
    }
}
