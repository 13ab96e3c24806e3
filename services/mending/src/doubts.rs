//! Attempts that were asked after, and what follows from a look at their queue. No IO.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::{Duration, Instant},
};

use kintsugi_core::{Input, LossCause, RunId, Timestamp};
use kintsugi_nats::{QueueState, RunInput, Verify};

use crate::fleet::Fleet;

/// Between the two looks that it takes to call a message lost: a worker that has just taken it up
/// says so in its next heartbeat, 300 ms later at most.
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// The same where a worker of its queue died lately, as long as another one stays silent.
const DIED: Duration = Duration::from_millis(499);

/// The same where all others have said meanwhile what they hold, as they do when they are asked: a message
/// may still be on its way to one of them.
const ALL_HEARD: Duration = Duration::from_millis(200);

/// The same for a message that was delivered, and that no worker says it holds. Six heartbeats: the
/// one who has it died before its first word of it, or never got it from a connection that broke.
const UNCLAIMED: Duration = Duration::from_secs(2);

/// A message older than the queue's oldest by this much was delivered already, in milliseconds.
const SLACK_MS: u64 = 1_000;

/// How many attempts are in doubt at once; further ones are asked after again by their runs.
const DOUBTS_MAX: usize = 50_000;

/// A queue and a task type.
pub type Served = (String, String);

/// What a look says of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It waits for a worker.
    InOrder,
    /// A worker holds it, since then. Its own word that it started has not arrived.
    Held(String, Timestamp),
    /// Nobody will ever answer for it.
    Lost(LossCause, Option<String>),
}

#[derive(Debug)]
struct Doubt {
    question: Verify,
    /// The first look that found it missing.
    missing_since: Option<Instant>,
}

/// The attempts in doubt, by queue: run, task, epoch.
#[derive(Debug, Default)]
pub struct Doubts {
    queues: BTreeMap<Served, BTreeMap<(RunId, u64, u64), Doubt>>,
    count: usize,
}

impl Doubts {
    /// Takes a question in; one that is there already changes nothing. `false`: there are too many.
    #[must_use]
    pub fn ask(&mut self, question: Verify) -> bool {
        if self.count >= DOUBTS_MAX {
            return false;
        }
        let served = (question.queue.clone(), question.task_type.clone());
        let attempt = (question.run.clone(), question.task, question.epoch);
        if let Entry::Vacant(place) = self.queues.entry(served).or_default().entry(attempt) {
            place.insert(Doubt { question, missing_since: None });
            self.count += 1;
        }
        true
    }

    /// Whether none is in doubt.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The queues that have to be looked at.
    #[must_use]
    pub fn queues(&self) -> Vec<Served> {
        self.queues.keys().cloned().collect()
    }

    /// Whether the look at `now` was the first that found something of a queue missing.
    #[must_use]
    pub fn is_newly_missing(&self, served: &Served, now: Instant) -> bool {
        let mut doubts = self.queues.get(served).into_iter().flat_map(BTreeMap::values);
        doubts.any(|doubt| doubt.missing_since == Some(now))
    }

    /// Judges every attempt of the queue, of which nobody knows anything where `state` is none.
    /// Gives what is settled, which is in doubt no more.
    pub fn judge(
        &mut self,
        served: &Served,
        state: Option<&QueueState>,
        fleet: &Fleet,
        now: Instant,
    ) -> Vec<(Verify, Finding)> {
        let Some(doubts) = self.queues.get_mut(served) else { return Vec::new() };
        let mut settled = Vec::new();
        doubts.retain(|_, doubt| {
            let (finding, patience) = look(&doubt.question, state, fleet, now);
            if matches!(finding, Finding::Lost(..)) {
                let since = *doubt.missing_since.get_or_insert(now);
                let all_heard = || fleet.all_heard_since(&served.0, &served.1, since);
                let sooner = patience == DIED && all_heard();
                let patience = if sooner { ALL_HEARD } else { patience };
                // While not all have been heard it may be missing for that alone: the time of it
                // counts, the word does not.
                if now.duration_since(since) < patience || !fleet.knows_enough(now) {
                    return true;
                }
            }
            settled.push((doubt.question.clone(), finding));
            false
        });
        if doubts.is_empty() {
            self.queues.remove(served);
        }
        self.count -= settled.len();
        settled
    }
}

impl Finding {
    /// What the run is told of it; none: there is nothing to tell.
    #[must_use]
    pub fn tell(self, question: Verify, seen_at: Timestamp) -> Option<RunInput> {
        let (run, task, epoch) = (question.run, question.task, question.epoch);
        let input = match self {
            Self::InOrder => return None,
            // Without its word that it started there is no time limit.
            Self::Held(worker, at) => Input::Started { task, epoch, worker, at },
            Self::Lost(cause, worker) => {
                Input::Lost { task, epoch, cause, worker, seen_at, blamed: None }
            }
        };
        Some(RunInput { run, input })
    }
}

/// What is so now, as far as is known, and for how long it has to be so before it counts.
fn look(
    question: &Verify,
    state: Option<&QueueState>,
    fleet: &Fleet,
    now: Instant,
) -> (Finding, Duration) {
    if let Some((worker, at)) = fleet.holder(&question.run, question.task, question.epoch) {
        return (Finding::Held(worker.clone(), *at), Duration::ZERO);
    }
    let Some(queue) = state else {
        return (Finding::Lost(LossCause::MessageLost, None), SECOND_LOOK);
    };
    let still_queued = queue.pending > 0
        && queue
            .oldest_pending_at
            .is_none_or(|oldest| oldest <= question.dispatched_at.plus(SLACK_MS));
    if still_queued {
        return (Finding::InOrder, Duration::ZERO);
    }
    let held = fleet.held_for(&question.queue, &question.task_type) as u64;
    if queue.ack_pending <= held {
        return (Finding::Lost(LossCause::MessageLost, None), SECOND_LOOK);
    }
    let (ghosts, ghost) = fleet.ghosts(&question.queue, &question.task_type, now);
    let is_known = queue.ack_pending <= held + ghosts;
    let patience = if is_known { DIED } else { UNCLAIMED };
    (Finding::Lost(LossCause::WorkerDead, ghost), patience)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::tests::beat;

    fn question() -> Verify {
        Verify {
            run: RunId::parse("r").unwrap(),
            task: 1,
            epoch: 1,
            task_type: "t".to_owned(),
            queue: "default".to_owned(),
            dispatched_at: Timestamp(10_000),
        }
    }

    fn queue(pending: u64, ack_pending: u64, oldest: Option<i64>) -> QueueState {
        QueueState {
            queue: "default".to_owned(),
            task_type: "t".to_owned(),
            pending,
            ack_pending,
            oldest_pending_at: oldest.map(Timestamp),
            redelivered: 0,
            waiting: 0,
            has_consumer: true,
        }
    }

    /// Looks every 100 ms; gives the finding and after how many milliseconds it stood.
    fn settle(state: Option<&QueueState>, fleet: &Fleet, from: Instant) -> (Finding, u128) {
        let mut doubts = Doubts::default();
        assert!(doubts.ask(question()));
        let served = ("default".to_owned(), "t".to_owned());
        for round in 0..100 {
            let now = from + Duration::from_millis(100 * round);
            if let Some((_, finding)) = doubts.judge(&served, state, fleet, now).pop() {
                assert!(doubts.is_empty());
                return (finding, now.duration_since(from).as_millis());
            }
        }
        panic!("it stays in doubt for ever");
    }

    #[test]
    fn what_nobody_has_is_lost_and_what_waits_is_not() {
        let fleet = Fleet::new(Instant::now());
        let late = Instant::now() + Duration::from_secs(3);
        let lost = Finding::Lost(LossCause::MessageLost, None);
        assert_eq!(settle(None, &fleet, late), (lost.clone(), 500));
        assert_eq!(settle(Some(&queue(0, 0, None)), &fleet, late), (lost, 500));
        let waits = queue(5, 0, Some(9_000));
        assert_eq!(settle(Some(&waits), &fleet, late), (Finding::InOrder, 0));
        // Just started, it cannot say, and does not forget that it was asked, nor since when it looks.
        let lost = Finding::Lost(LossCause::MessageLost, None);
        let fleet = Fleet::new(late);
        assert_eq!(settle(None, &fleet, late), (lost, 2_000));
        let lost = Finding::Lost(LossCause::WorkerDead, None);
        assert_eq!(settle(Some(&queue(0, 1, None)), &fleet, late), (lost, 2_000));
    }

    #[test]
    fn what_was_delivered_and_is_claimed_by_nobody_is_lost_with_whoever_had_it() {
        let began = Instant::now();
        let mut fleet = Fleet::new(began);
        let late = began + Duration::from_secs(3);
        // Its worker was never heard of.
        let delivered = queue(0, 1, None);
        let lost = Finding::Lost(LossCause::WorkerDead, None);
        assert_eq!(settle(Some(&delivered), &fleet, late), (lost.clone(), 2_000));
        // Others work, and none of them has it: its answer was lost with a connection.
        fleet.heard(beat("w", "i", &["other:1"]), late);
        assert_eq!(settle(Some(&queue(0, 2, None)), &fleet, late), (lost, 2_000));
        // A worker is known to have died lately.
        fleet.bury("w", late);
        let lost = Finding::Lost(LossCause::WorkerDead, Some("w".to_owned()));
        assert_eq!(settle(Some(&delivered), &fleet, late), (lost.clone(), 200), "nobody is left");
        // Another one has to speak first; it does when it is asked.
        fleet.heard(beat("other", "i", &[]), late);
        assert_eq!(settle(Some(&delivered), &fleet, late), (lost.clone(), 500));
        fleet.heard(beat("other", "i", &[]), late + Duration::from_millis(20));
        assert_eq!(settle(Some(&delivered), &fleet, late), (lost, 200));
    }

    #[test]
    fn what_a_worker_holds_is_told_to_its_run() {
        let began = Instant::now();
        let mut fleet = Fleet::new(began);
        fleet.heard(beat("w", "i", &["r:1"]), began);
        let (finding, after) = settle(Some(&queue(0, 1, None)), &fleet, began);
        assert!(matches!(finding, Finding::Held(worker, _) if worker == "w"));
        assert_eq!(after, 0);
    }
}
