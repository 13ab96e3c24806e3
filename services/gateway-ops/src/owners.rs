//! Has orchestrators accept starts: the owner of a run's partition writes it with its first step, so that it
//! is written once instead of twice, and need not be read.
//!
//! Nothing rests on it. Where a partition has no owner the broker says so at once; where one does not
//! answer, its starts are brought in from here for a while.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use kintsugi_core::RunId;
use kintsugi_entities::{NewRun, payloads};
use kintsugi_nats::{Bus, Error, Start};
use tokio::time::Instant;
use tracing::debug;

/// Bytes of a run's state; what is larger goes to the database the shortest way.
const STATE_BYTES_MAX: usize = 16 << 10;

/// Runs in one message: with states of the largest size it has a megabyte less a half.
const STARTS_MAX: usize = 32;

/// How long an owner that did not answer is not asked.
const SILENCE: Duration = Duration::from_secs(5);

/// The owners of partitions, and which of them were silent.
pub(crate) struct Owners {
    bus: Bus,
    silent: Mutex<HashMap<u16, Instant>>,
}

impl Owners {
    pub(crate) fn new(bus: Bus) -> Self {
        Self { bus, silent: Mutex::default() }
    }

    /// Whether an owner may be asked to accept `run`: a small one, that refers to nothing, has no key,
    /// and whose owner was not silent lately.
    pub(crate) fn may_take(&self, run: &NewRun) -> bool {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_silent = silent.get(&run.partition).is_some_and(|at| at.elapsed() < SILENCE);
        if !is_silent {
            silent.remove(&run.partition);
        }
        !is_silent
            && self.bus.is_connected()
            && run.state.len() <= STATE_BYTES_MAX
            && run.start_key.is_none()
            && run.parent.is_none()
            && !payloads::may_refer(std::iter::once(run.state.as_slice()))
    }

    /// Asks the owner of a partition to accept runs; gives those that it says it has.
    pub(crate) async fn accept(&self, partition: u16, runs: &[&NewRun]) -> HashSet<RunId> {
        let asked = runs.chunks(STARTS_MAX).map(|part| async move {
            let yes = self.ask(partition, part).await;
            part.iter().filter(move |_| yes).map(|run| run.id.clone())
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn ask<'a>(&self, partition: u16, runs: &[&'a NewRun]) -> bool {
        let start = |run: &&'a NewRun| Start {
            id: run.id.clone(),
            definition: run.definition.clone(),
            created_at: run.created_at,
            digest: run.request_digest.clone(),
            trace_parent: run.trace_parent.clone(),
            state: run.state.as_slice(),
        };
        let starts: Vec<Start<&[u8]>> = runs.iter().map(start).collect();
        let answer = self.bus.hand_over(partition, &starts).await;
        if let Err(error) = &answer {
            debug!(partition, error = error as &dyn std::error::Error, "starts not handed over");
            if !matches!(error, Error::NoResponders { .. }) {
                let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
                silent.insert(partition, Instant::now());
            }
        }
        answer.unwrap_or(false)
    }
}
