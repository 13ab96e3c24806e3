//! Attempts that were taken from workers, which may come back and speak of them. No IO.

use std::collections::{HashMap, VecDeque};

use kintsugi_nats::{Heartbeat, Lease};

/// Of how many tasks they are remembered; the oldest are forgotten first. Of those the audit finds that the
/// run is at a later epoch.
const TAKEN_MAX: usize = 50_000;

/// An attempt that was taken from a worker that still speaks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zombie {
    /// Who.
    pub worker: String,
    /// The task, as `run:number`.
    pub task: String,
    /// The epoch that was taken.
    pub epoch: u64,
    /// Whether it told of progress as well.
    pub progress: bool,
}

/// The attempts that were taken from their workers: of each task the last one, since those before it
/// were taken as well.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    known: HashMap<String, u64>,
    order: VecDeque<String>,
}

impl Taken {
    /// Notes one.
    pub(crate) fn note(&mut self, task: String, epoch: u64) {
        match self.known.get_mut(&task) {
            Some(last) => *last = epoch.max(*last),
            None => {
                self.order.push_back(task.clone());
                self.known.insert(task, epoch);
            }
        }
        if self.order.len() > TAKEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Takes out of a heartbeat what was taken from the worker, and gives it.
    pub(crate) fn refuse(&self, beat: &mut Heartbeat) -> Vec<Zombie> {
        if self.known.is_empty() || beat.leases.is_empty() {
            return Vec::new();
        }
        let leases = std::mem::take(&mut beat.leases);
        let is_taken =
            |lease: &Lease| self.known.get(&lease.task).is_some_and(|last| lease.epoch <= *last);
        let (taken, own): (Vec<_>, Vec<_>) = leases.into_iter().partition(is_taken);
        beat.leases = own;
        let zombie = |lease: Lease| Zombie {
            worker: beat.worker.clone(),
            task: lease.task,
            epoch: lease.epoch,
            progress: lease.progress.is_some(),
        };
        taken.into_iter().map(zombie).collect()
    }
}
