//! Starts, batched: whatever waits goes on together, and nothing waits for more. A start is answered
//! when its commit is acknowledged (promise P1).
//!
//! Most are accepted by the orchestrator that has their partition ([`crate::owners`]). What it does not
//! accept goes into the database from here, as one statement, and only then the orchestrators are told. If
//! that fails, or this process dies in between, the run's `wake_at` in the same row brings it to them.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use futures::future::join_all;
use kintsugi_core::{Input, RunId};
use kintsugi_entities::{Created, Error, NewRun, Store};
use kintsugi_nats::{Bus, RunInput};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tracing::warn;

use crate::{config::Config, owners::Owners, problem::Problem};

/// Bytes of state that one statement brings in, one run apart.
const BATCH_BYTES: usize = 4 << 20;

/// Batches whose publication may be under way. Beyond that the bus is in trouble, and `wake_at`
/// does its work.
const PUBLISHING_MAX: usize = 16;

/// Batches that are with owners at once. While as many are, starts gather, and one message has more of
/// them.
const HANDING_MAX: usize = 2;

type Answer = Result<Created, Failed>;

/// Why a start was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The database does not answer. Whether the run is there is not known.
    Unavailable,
    /// Too many starts wait already.
    Overloaded,
    /// The database refused the row.
    Refused,
}

impl From<Failed> for Problem {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Unavailable => Self::unavailable(
                "store_unavailable",
                "the database does not answer; it is not known whether the run was accepted",
            ),
            Failed::Overloaded => {
                Self::unavailable("overloaded", "too many starts wait for the database")
            }
            Failed::Refused => Self::internal(),
        }
    }
}

struct Waiting {
    run: NewRun,
    /// Its id was made for it, so that no other request can have it.
    is_own_id: bool,
    answer: oneshot::Sender<Answer>,
}

/// The door to the batcher.
pub(crate) struct Starts {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    sender: mpsc::WeakSender<Waiting>,
    work: Mutex<Option<JoinHandle<()>>>,
}

impl Starts {
    /// Starts the batcher.
    pub(crate) fn spawn(store: Store, bus: Bus, partitions: u16, config: &Config) -> Self {
        let (queue, waiting) = mpsc::channel(config.queue_max.max(1));
        let batcher = Batcher {
            store,
            bus: bus.clone(),
            partitions,
            batch_max: config.batch_max.max(1),
            publishing: Arc::new(Semaphore::new(PUBLISHING_MAX)),
            owners: config.owners_accept.then(|| Owners::new(bus)),
            handing: Arc::new(Semaphore::new(HANDING_MAX)),
        };
        let work = tokio::spawn(Arc::new(batcher).run(waiting));
        let sender = queue.downgrade();
        Self { queue: Mutex::new(Some(queue)), sender, work: Mutex::new(Some(work)) }
    }

    /// Brings `run` into the database; returns when that is committed. `is_own_id`: its id was made
    /// for it.
    pub(crate) async fn create(&self, run: NewRun, is_own_id: bool) -> Answer {
        let (answer, answered) = oneshot::channel();
        let queue = self.sender.upgrade().ok_or(Failed::Unavailable)?;
        queue.try_send(Waiting { run, is_own_id, answer }).map_err(|_| Failed::Overloaded)?;
        drop(queue);
        answered.await.unwrap_or(Err(Failed::Unavailable))
    }

    /// Answers what waits, and stops.
    pub(crate) async fn stop(&self) {
        drop(self.queue.lock().await.take());
        if let Some(work) = self.work.lock().await.take() {
            // A panic in there was logged; there is nothing left to stop.
            let _ended = work.await;
        }
    }
}

struct Batcher {
    store: Store,
    bus: Bus,
    partitions: u16,
    batch_max: usize,
    publishing: Arc<Semaphore>,
    owners: Option<Owners>,
    handing: Arc<Semaphore>,
}

impl Batcher {
    async fn run(self: Arc<Self>, mut queue: mpsc::Receiver<Waiting>) {
        let (mut waiting, mut under_way) = (Vec::new(), JoinSet::new());
        loop {
            let room = self.batch_max.saturating_sub(waiting.len());
            if waiting.is_empty() {
                if queue.recv_many(&mut waiting, room).await == 0 {
                    // Those that are with an owner are answered, too.
                    while under_way.join_next().await.is_some() {}
                    return;
                }
            } else {
                while waiting.len() < self.batch_max
                    && let Ok(next) = queue.try_recv()
                {
                    waiting.push(next);
                }
            }
            let batch = cut(&mut waiting);
            let (handed, own): (Vec<_>, Vec<_>) =
                batch.into_iter().partition(|one| self.may_hand_over(one));
            if !own.is_empty() {
                self.bring_in(own).await;
            }
            if !handed.is_empty()
                && let Ok(permit) = Arc::clone(&self.handing).acquire_owned().await
            {
                let this = Arc::clone(&self);
                under_way.spawn(async move {
                    this.hand_over(handed).await;
                    drop(permit);
                });
            }
            while under_way.try_join_next().is_some() {}
        }
    }

    fn may_hand_over(&self, one: &Waiting) -> bool {
        let takes = |owners: &Owners| owners.may_take(&one.run);
        one.is_own_id && self.owners.as_ref().is_some_and(takes)
    }

    /// Has owners accept runs, each of which is answered as soon as its owner says so; what they do not
    /// accept, or not in time, is brought in from here.
    async fn hand_over(&self, batch: Vec<Waiting>) {
        let Some(owners) = &self.owners else { return };
        let mut by_partition: BTreeMap<u16, Vec<Waiting>> = BTreeMap::new();
        for one in batch {
            by_partition.entry(one.run.partition).or_default().push(one);
        }
        let asked = by_partition.into_iter().map(|(partition, group)| async move {
            let runs: Vec<&NewRun> = group.iter().map(|one| &one.run).collect();
            let accepted = owners.accept(partition, &runs).await;
            let (there, rest): (Vec<_>, Vec<_>) =
                group.into_iter().partition(|one| accepted.contains(&one.run.id));
            for one in there {
                // Who asked may be gone; the run is there all the same.
                let _gone = one.answer.send(Ok(Created::New));
            }
            rest
        });
        let rest: Vec<Waiting> = join_all(asked).await.into_iter().flatten().collect();
        if !rest.is_empty() {
            self.bring_in(rest).await;
        }
    }

    async fn bring_in(&self, batch: Vec<Waiting>) {
        let (runs, answers): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|Waiting { run, is_own_id, answer }| {
                let own_id = is_own_id.then(|| run.id.clone());
                (run, (answer, own_id))
            })
            .unzip();
        let results = self.create(&runs).await;
        let is_new = |result: &Answer| matches!(result, Ok(Created::New));
        let new = runs.into_iter().zip(&results).filter(|(_, result)| is_new(result));
        self.tell(new.map(|(run, _)| run.id).collect());
        for ((answer, own_id), result) in answers.into_iter().zip(results) {
            // An owner that did not say so accepted it after all.
            let result = match result {
                Ok(Created::Exists { id, same: true }) if own_id.as_ref() == Some(&id) => {
                    Ok(Created::New)
                }
                result => result,
            };
            // Who asked may be gone; the run is there all the same.
            let _gone = answer.send(result);
        }
    }

    /// One statement for all; where the database refuses that, one for each, so that a row it does
    /// not like fails alone.
    async fn create(&self, runs: &[NewRun]) -> Vec<Answer> {
        match self.store.runs_create(runs).await {
            Ok(created) => created.into_iter().map(Ok).collect(),
            Err(error) if error.is_transient() || runs.len() == 1 => {
                vec![Err(failed(&error)); runs.len()]
            }
            Err(_) => {
                let mut answers = Vec::with_capacity(runs.len());
                for run in runs {
                    let one = self.store.runs_create(std::slice::from_ref(run)).await;
                    let one = one.map(|created| created.into_iter().next());
                    answers.push(match one {
                        Ok(created) => created.ok_or(Failed::Refused),
                        Err(error) => Err(failed(&error)),
                    });
                }
                answers
            }
        }
    }

    fn tell(&self, runs: Vec<RunId>) {
        if runs.is_empty() {
            return;
        }
        let Ok(permit) = Arc::clone(&self.publishing).try_acquire_owned() else { return };
        let (bus, partitions) = (self.bus.clone(), self.partitions);
        tokio::spawn(async move {
            let start = |run| RunInput { run, input: Input::Start };
            let inputs = runs.into_iter().map(start).collect();
            if let Err(error) = bus.publish_inputs(inputs, partitions).await {
                let error = &error as &(dyn std::error::Error + 'static);
                warn!(error, "starts were not published; the retry engine will find the runs");
            }
            drop(permit);
        });
    }
}

fn failed(error: &Error) -> Failed {
    let transient = error.is_transient();
    let shown = error as &(dyn std::error::Error + 'static);
    if transient {
        warn!(error = shown, "starts failed");
        Failed::Unavailable
    } else {
        tracing::error!(error = shown, "a start was refused by the database");
        Failed::Refused
    }
}

/// Takes what fits one statement from the front: no id and no key twice, and not too many bytes.
/// What does not fit stays, in order.
fn cut(waiting: &mut Vec<Waiting>) -> Vec<Waiting> {
    let (mut ids, mut keys, mut bytes) = (HashSet::new(), HashSet::new(), 0_usize);
    let mut batch = Vec::with_capacity(waiting.len());
    let mut rest = Vec::new();
    for one in waiting.drain(..) {
        let size = one.run.state.len();
        let key = one.run.start_key.clone();
        let fits = rest.is_empty()
            && (batch.is_empty() || bytes + size <= BATCH_BYTES)
            && !ids.contains(&one.run.id)
            && key.as_ref().is_none_or(|key| !keys.contains(key));
        if fits {
            bytes += size;
            ids.insert(one.run.id.clone());
            keys.extend(key);
            batch.push(one);
        } else {
            rest.push(one);
        }
    }
    *waiting = rest;
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(id: &str, key: Option<&str>, bytes: usize) -> Waiting {
        let run = NewRun {
            id: RunId::parse(id).unwrap(),
            definition: "a/b:1.0.0".into(),
            partition: 0,
            state: vec![0; bytes],
            created_at: 0,
            parent: None,
            start_key: key.map(str::to_owned),
            request_digest: String::new(),
            trace_parent: None,
        };
        Waiting { run, is_own_id: true, answer: oneshot::channel().0 }
    }

    fn ids(batch: &[Waiting]) -> Vec<&str> {
        batch.iter().map(|one| one.run.id.as_str()).collect()
    }

    #[test]
    fn a_batch_has_no_id_and_no_key_twice_and_keeps_the_order() {
        let mut all = vec![
            waiting("a", Some("k"), 1),
            waiting("b", None, 1),
            waiting("a", None, 1),
            waiting("c", Some("k"), 1),
        ];
        assert_eq!(ids(&cut(&mut all)), ["a", "b"]);
        assert_eq!(ids(&cut(&mut all)), ["a", "c"]);
        assert!(all.is_empty());
    }

    #[test]
    fn a_batch_is_bounded_in_bytes_but_never_empty() {
        let mut all = vec![waiting("a", None, 2 * BATCH_BYTES), waiting("b", None, 1)];
        assert_eq!(ids(&cut(&mut all)), ["a"]);
        assert_eq!(ids(&cut(&mut all)), ["b"]);
    }
}
