//! From a delivery to a result.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use futures::FutureExt;
use kintsugi_core::{Fault, Input, LossCause};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::shared::{Shared, TaskType};
use crate::{
    Context, Failure,
    attempt::{Attempt, Stop, now},
    handler::{Outcome, panic_message},
    output,
    targets::LEFT_ALONE,
};

/// How long a handler may clean up that waits for [`Context::cancelled`].
pub(crate) const CLEANUP: Duration = Duration::from_secs(5);

/// How long a task may wait for those that came with it in one message, before another worker gets it:
/// five times what all of them should take.
const HELD_UP: Duration = Duration::from_millis(50);

/// Executes an attempt when there is a slot for it; none soon: the engine gives it to another worker.
pub(super) async fn execute_in_turn(
    shared: Arc<Shared>,
    attempt: Arc<Attempt>,
    kind: Arc<TaskType>,
    input: Value,
) {
    let slot = tokio::time::timeout(HELD_UP, Arc::clone(&kind.slots).acquire_owned());
    let slot = tokio::select! {
        biased;
        () = attempt.stopped.cancelled() => return,
        slot = slot => slot,
    };
    match slot {
        Ok(Ok(slot)) => execute(shared, attempt, kind, input, slot).await,
        _ => stop(&shared, &attempt, Stop::HeldUp),
    }
}

/// Executes an attempt and reports how it ended. Holds its slot until the handler is gone.
pub(super) async fn execute(
    shared: Arc<Shared>,
    attempt: Arc<Attempt>,
    kind: Arc<TaskType>,
    input: Value,
    slot: OwnedSemaphorePermit,
) {
    let began = Instant::now();
    let handler = Arc::clone(&kind.handler);
    let context = Context::new(Arc::clone(&attempt), Arc::clone(&shared.payloads));
    // The call itself stands inside: it may panic before it gives a future.
    let call = async move { handler(context, input).await };
    let mut work = Box::pin(AssertUnwindSafe(call).catch_unwind());
    let ended = tokio::select! {
        biased;
        ended = &mut work => Some(ended),
        () = attempt.stopped.cancelled() => None,
    };
    kind.pace.took(began.elapsed());
    if let Some(ended) = ended {
        let outcome =
            ended.unwrap_or_else(|panic| Err(Failure::retryable(panic_message(panic.as_ref()))));
        let outcome = match outcome {
            Ok(value) => settled(&shared, &attempt, value).await,
            failed => failed,
        };
        shared.end(&attempt, || result(&shared, &attempt, outcome));
    } else if attempt.listens.load(Ordering::Acquire) {
        let _ = tokio::time::timeout(CLEANUP, &mut work).await;
    }
    drop(work);
    drop(slot);
}

/// Who ends the attempt meanwhile has reported it: what this gives does not count then.
async fn settled(shared: &Shared, attempt: &Attempt, value: Value) -> Outcome {
    tokio::select! {
        biased;
        outcome = output::settle(value, &shared.settings, &shared.payloads) => outcome,
        () = attempt.stopped.cancelled() => Err(Failure::retryable("the attempt is not wanted")),
    }
}

fn result(shared: &Shared, attempt: &Attempt, outcome: Outcome) -> Input {
    let (task, epoch) = (attempt.message.number, attempt.message.epoch);
    let (worker, started_at) = (shared.name.clone(), Some(attempt.since));
    match outcome {
        Ok(output) => Input::Completed { task, epoch, output, worker, started_at },
        Err(failure) if let Some(delay) = failure.deferred_for() => {
            let for_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            let (by_hand, reason) = (failure.is_by_hand(), failure.into_fault().message);
            Input::Deferred { task, epoch, for_ms, reason, fault: None, by_hand, worker }
        }
        Err(failure) => failed(attempt, failure.into_fault(), worker),
    }
}

/// An attempt that was let through to see whether what it calls is back costs its task nothing, where
/// trying again can help: it failed for all the others. The run knows how often that is so.
fn failed(attempt: &Attempt, fault: Fault, worker: String) -> Input {
    let (task, epoch) = (attempt.message.number, attempt.message.epoch);
    match attempt.not_reached() {
        Some(target) if !fault.fatal => {
            let for_ms = u64::try_from(LEFT_ALONE.as_millis()).unwrap_or(u64::MAX);
            let reason = format!("`{target}` is left alone: it is not back ({})", fault.message);
            let (fault, by_hand) = (Some(fault), false);
            Input::Deferred { task, epoch, for_ms, reason, fault, by_hand, worker }
        }
        _ => Input::Failed { task, epoch, fault, worker, started_at: Some(attempt.since) },
    }
}

/// Ends an attempt from outside: its handler is told, and the engine gets the reason.
pub(super) fn stop(shared: &Shared, attempt: &Arc<Attempt>, why: Stop) {
    attempt.stop(why);
    shared.end(attempt, || stopped(shared, attempt, why));
}

fn stopped(shared: &Shared, attempt: &Attempt, why: Stop) -> Input {
    let (task, epoch) = (attempt.message.number, attempt.message.epoch);
    let worker = shared.name.clone();
    match why {
        Stop::TimedOut | Stop::Silent => {
            let limit = attempt.message.start_to_close_ms;
            let lease = attempt.message.lease_ms.unwrap_or_default();
            let fault = Fault {
                message: if why == Stop::TimedOut {
                    format!("the attempt took longer than its limit of {limit} ms")
                } else {
                    format!("the attempt said nothing of its progress for its lease of {lease} ms")
                },
                kind: Some("timeout".to_owned()),
                ..Fault::default()
            };
            failed(attempt, fault, worker)
        }
        // For an attempt that the engine really cancelled this changes nothing; for one that
        // somebody else cancelled, the engine learns that it is nobody's any more.
        // The same of one that others may be at.
        Stop::Cancelled | Stop::Stopping | Stop::CutOff | Stop::HeldUp => {
            let (cause, worker) = (LossCause::LeaseDropped, Some(worker));
            Input::Lost { task, epoch, cause, worker, seen_at: now(), blamed: None }
        }
    }
}
