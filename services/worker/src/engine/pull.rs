//! Takes tasks: as many messages as there are free slots for, and never one more.

use std::{sync::Arc, time::Duration};

use kintsugi_core::{Input, LossCause};
use kintsugi_nats::{Rejected, TaskConsumer, TaskDelivery, TaskMessage};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    attempts,
    limit::Kept,
    report::Report,
    shared::{Shared, TaskType},
};
use crate::{
    attempt::{Attempt, now},
    budget::{self, Budget},
};

/// How many tasks are asked for at once at most.
const BATCH_MAX: usize = 256;

/// The pause after the bus refused.
const PAUSE: Duration = Duration::from_millis(500);

/// How long what was asked for before the stop may take to come.
const LATE: Duration = Duration::from_millis(50);

/// Takes tasks of one type until `stop`.
pub(super) async fn pull(shared: Arc<Shared>, kind: Arc<TaskType>, stop: CancellationToken) {
    let mut limit = kind.limit.watch();
    loop {
        let open = limit.wait_for(|kept| kept.as_ref().is_none_or(|kept| kept.slots > 0));
        if !matches!(stop.run_until_cancelled(open).await, Some(Ok(_))) {
            return;
        }
        let Some(mut consumer) = stop.run_until_cancelled(consumer(&shared, &kind)).await else {
            return;
        };
        if !pull_from(&shared, &kind, &mut consumer, &mut limit, &stop).await {
            return;
        }
        // What it asked for goes with the consumer: a worker that may take less asks anew.
    }
}

/// Takes tasks until `stop`, or until another number of them may be taken; says whether it was that.
async fn pull_from(
    shared: &Arc<Shared>,
    kind: &Arc<TaskType>,
    consumer: &mut TaskConsumer,
    limit: &mut watch::Receiver<Option<Kept>>,
    stop: &CancellationToken,
) -> bool {
    let kept = limit.borrow_and_update().clone();
    let (most, once) = kept.map(|kept| (kept.slots, kept.once)).unzip();
    let once = once.flatten();
    let most = once.map(|_| most.unwrap_or(0).min(1)).or(most);
    if most == Some(0) {
        return true;
    }
    let mut per_message = 1;
    loop {
        // The stop comes first: a full queue always has something, and would never let it through.
        let mut free = tokio::select! {
            biased;
            () = stop.cancelled() => return false,
            changed = limit.changed() => return changed.is_ok(),
            free = Free::wait(kind, shared.settings.concurrency, most) => match free {
                Some(free) => free,
                None => return false,
            },
        };
        let width = kind.pace.width(shared.settings.concurrency);
        let asked = messages(free.count(), width, per_message);
        let taken = tokio::select! {
            biased;
            () = stop.cancelled() => {
                give_back_late(shared, consumer, asked).await;
                return false;
            }
            changed = limit.changed() => {
                give_back_late(shared, consumer, asked).await;
                return changed.is_ok();
            }
            taken = consumer.next(asked) => taken,
        };
        let may_wait = most.is_none();
        per_message = per_message_of(&taken);
        if let Some(once) = once.filter(|_| !taken.is_empty()) {
            kind.limit.spend(once);
        }
        for delivery in taken {
            take(shared, kind, delivery, (&mut free, may_wait)).await;
        }
    }
}

/// For how many messages there is room in so many slots, when the last ones had `seen` tasks each and
/// `wanted` are asked for: those that come may be the first that have as many.
fn messages(slots: usize, wanted: usize, seen: usize) -> usize {
    const STEP: usize = 4;
    (slots / seen).min(slots / wanted.max(seen) * STEP + 1).clamp(1, slots.max(1))
}

fn per_message_of(taken: &[TaskDelivery]) -> usize {
    taken.len().div_ceil(count_messages(taken).max(1)).max(1)
}

fn count_messages(taken: &[TaskDelivery]) -> usize {
    taken.chunk_by(|one, next| one.stream_seq == next.stream_seq).count()
}

async fn consumer(shared: &Shared, kind: &TaskType) -> TaskConsumer {
    loop {
        match shared.bus.task_consumer(&shared.settings.queue, &kind.name).await {
            Ok(consumer) => return consumer,
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                task.kind = kind.name,
                "no consumer for a task type; will try again"
            ),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What was asked for before the stop may still come. Not executed and never acked, it would lie
/// for the whole `ack_wait`; so the engine is told at once. No more than that is asked for.
async fn give_back_late(shared: &Shared, consumer: &mut TaskConsumer, asked: usize) {
    let mut left = asked;
    while left > 0
        && let Ok(late) = tokio::time::timeout(LATE, consumer.next(left)).await
    {
        left = left.saturating_sub(count_messages(&late));
        for delivery in late {
            if let Ok(message) = &delivery.message {
                let (message, cause) = (message.clone(), LossCause::LeaseDropped);
                not_executed(shared, message, cause, delivery);
            }
        }
    }
}

/// Slots and room for results, taken before the tasks that will need them.
struct Free {
    slots: OwnedSemaphorePermit,
    room: OwnedSemaphorePermit,
}

impl Free {
    /// Waits for one; takes all there are, or one where fewer than `all` may be at work.
    async fn wait(kind: &TaskType, all: usize, most: Option<u32>) -> Option<Self> {
        if let Some(most) = most {
            let all = u32::try_from(all).unwrap_or(u32::MAX);
            let others = all - most.clamp(1, all) + 1;
            let mut slots = Arc::clone(&kind.slots).acquire_many_owned(others).await.ok()?;
            let room = Arc::clone(&kind.room).acquire_owned().await.ok()?;
            return Some(Self { slots: slots.split(1)?, room });
        }
        let mut slots = Arc::clone(&kind.slots).acquire_owned().await.ok()?;
        let mut room = Arc::clone(&kind.room).acquire_owned().await.ok()?;
        let more = kind.slots.available_permits().min(kind.room.available_permits());
        let more = u32::try_from(more.min(BATCH_MAX - 1)).unwrap_or(0);
        if more > 0
            && let Ok(slot) = Arc::clone(&kind.slots).try_acquire_many_owned(more)
            && let Ok(place) = Arc::clone(&kind.room).try_acquire_many_owned(more)
        {
            slots.merge(slot);
            room.merge(place);
        }
        Some(Self { slots, room })
    }

    fn count(&self) -> usize {
        self.slots.num_permits().min(self.room.num_permits())
    }

    fn split(&mut self) -> Option<Self> {
        Some(Self { slots: self.slots.split(1)?, room: self.room.split(1)? })
    }
}

async fn take(
    shared: &Arc<Shared>,
    kind: &Arc<TaskType>,
    mut delivery: TaskDelivery,
    (free, may_wait): (&mut Free, bool),
) {
    // The delivery is kept until the end, the message is not: it may be large.
    let gone = Rejected { reason: String::new(), raw: Vec::new() };
    let mut message = match std::mem::replace(&mut delivery.message, Err(gone)) {
        Ok(message) => message,
        Err(rejected) => return reject(shared, delivery, &rejected).await,
    };
    if let Some(held) = shared.leases.get(&message.task, message.epoch) {
        // Our own message again: the broker had not heard of us in time. We are still at it.
        return held.replace_delivery(delivery);
    }
    if delivery.delivered > 1 || !delivery.is_certain {
        // Somebody may be executing this epoch, or have died of it: it is never executed again.
        let again = delivery.delivered > 1;
        debug!(task.id = message.task, task.epoch = message.epoch, again, "not executed");
        let cause = if again { LossCause::Redelivered } else { LossCause::BrokerRestarted };
        return not_executed(shared, message, cause, delivery);
    }
    let takes = |budget: &Budget| budget.takes(message.failures > 0);
    if !kind.retries.as_ref().is_none_or(takes) {
        return put_off(shared, message, delivery);
    }
    let (slot, room) = match free.split() {
        Some(Free { slots, room }) => (Some(slots), Some(room)),
        // The others of a message wait for slots, unless fewer than those may be at work.
        None if may_wait => (None, Arc::clone(&kind.room).try_acquire_owned().ok()),
        None => (None, None),
    };
    let Some(room) = room else {
        debug!(task.id = message.task, "more tasks came than were asked for");
        return not_executed(shared, message, LossCause::LeaseDropped, delivery);
    };
    let input = std::mem::take(&mut message.input);
    let known = (Arc::clone(&shared.link), Arc::clone(&shared.targets));
    let attempt = Arc::new(Attempt::new(message, delivery, room, known));
    if shared.leases.insert(Arc::clone(&attempt)) {
        shared.busy.notify_one();
    }
    let (shared, kind, user) = (Arc::clone(shared), Arc::clone(kind), shared.user.clone());
    match slot {
        Some(slot) => user.spawn(attempts::execute(shared, attempt, kind, input, slot)),
        None => user.spawn(attempts::execute_in_turn(shared, attempt, kind, input)),
    };
}

/// Too many of the tasks of this type are such that failed before: this one comes again later.
fn put_off(shared: &Shared, message: TaskMessage, delivery: TaskDelivery) {
    let (task, epoch, worker) = (message.number, message.epoch, shared.name.clone());
    let reason = format!("the budget for retries of `{}` is used up", message.task_type);
    let (for_ms, fault, by_hand) = (budget::PAUSE_MS, None, false);
    let input = Input::Deferred { task, epoch, for_ms, reason, fault, by_hand, worker };
    shared.report(Report::refusal(message.run, message.reply, input, delivery));
}

/// Tells the engine that an attempt will not be made here, so that it gives out another.
fn not_executed(shared: &Shared, message: TaskMessage, cause: LossCause, delivery: TaskDelivery) {
    let (task, epoch, seen_at) = (message.number, message.epoch, now());
    // Who held it before is not known here; who drops it now is.
    let worker = (cause == LossCause::LeaseDropped).then(|| shared.name.clone());
    let input = Input::Lost { task, epoch, cause, worker, seen_at, blamed: None };
    shared.report(Report::refusal(message.run, message.reply, input, delivery));
}

/// A message that cannot be read goes to the stream for such messages, and is not delivered again.
async fn reject(shared: &Shared, delivery: TaskDelivery, rejected: &Rejected) {
    warn!(reason = rejected.reason, "a task message cannot be read");
    let kept = shared.bus.reject("worker", &rejected.reason, &rejected.raw).await;
    let ended = match kept {
        Ok(()) => delivery.term("it cannot be read").await,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        warn!(error = &error as &dyn std::error::Error, "a bad task message was not put aside");
    }
}
