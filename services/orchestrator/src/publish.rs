//! What follows a commit: messages. Every one may be sent twice, and none may be missing for good.

use std::time::Duration;

use kintsugi_core::Timestamp;
use kintsugi_deciding::{Outbox, Sending, Try, Widths, question, refusal};
use kintsugi_nats::{TaskGroup, TaskMessage, WakeHint, stream};
use kintsugi_runtime::{Deps, Shutdown, now};
use tracing::warn;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// Sends everything. Tasks are tried until they are stored, the rest once: cancels save work,
/// checks are asked again, hints only make the retry engine prompt, and what runs tell each
/// other is made up for by whoever waits for it.
pub(crate) async fn send(
    mut outbox: Outbox,
    deps: &Deps,
    decided_at: Timestamp,
    (memory, widths): (&mut String, &Widths),
    shutdown: &Shutdown,
) {
    let bus = &deps.bus;
    let told = std::mem::take(&mut outbox.inputs);
    let tell = async {
        if let Err(error) = bus.publish_inputs(told, deps.partitions).await {
            warn!(error = &error as &dyn std::error::Error, "runs not told of each other");
        }
    };
    let tasks = send_tasks(deps, &outbox.tasks, (decided_at, memory, widths), shutdown);
    if !tokio::join!(tasks, tell).0 {
        outbox.verifies.extend(outbox.tasks.iter().map(|(task, _)| question(task)));
    }
    if let Err(error) = bus.publish_events(&outbox.events).await {
        // They stay in the outbox, where the reconciler finds them.
        warn!(error = &error as &dyn std::error::Error, "events not published yet");
    }
    let hint = if outbox.has_letters { Some(decided_at.0) } else { outbox.wake_at };
    let once = async {
        if !outbox.cancels.is_empty() {
            bus.cancel(&outbox.cancels).await?;
        }
        if !outbox.verifies.is_empty() {
            bus.verify(&outbox.verifies).await?;
        }
        bus.permits(&outbox.permits).await?;
        if let Some(at) = hint {
            bus.wake_hint(WakeHint { at }).await?;
        }
        Ok::<_, kintsugi_nats::Error>(())
    };
    if let Err(error) = once.await {
        warn!(error = &error as &dyn std::error::Error, "hints not sent");
    }
}

/// Tries until every task is stored or refused; `false`: it gave up, and nobody knows which are.
async fn send_tasks(
    deps: &Deps,
    tasks: &[(TaskMessage, u32)],
    (decided_at, memory, widths): (Timestamp, &mut String, &Widths),
    shutdown: &Shutdown,
) -> bool {
    let count = tasks.len();
    // Once: a repeat is known by the message that it came in.
    let groups = widths.group(tasks, decided_at);
    let mut sending = Sending::new(decided_at);
    loop {
        if count == 0 {
            return true;
        }
        let known =
            if sending.must_know() { deps.bus.memory(stream::TASKS).await.ok() } else { None };
        let next = sending.next(now(), deps.bus.is_connected(), known, memory);
        match if shutdown.is_cancelled() { Try::Late } else { next } {
            Try::Late => {
                warn!(tasks = count, "tasks not published in time; left to their checks");
                return false;
            }
            Try::Forgotten => {
                warn!(tasks = count, "the broker forgot what it had; asking after tasks");
                return false;
            }
            Try::Wait => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Try::Publish => {}
        }
        let Err(error) = deps.bus.publish_tasks(&groups).await else { return true };
        if !error.is_transient() {
            refused(deps, groups).await;
            return true;
        }
        warn!(error = &error as &dyn std::error::Error, tasks = count, "tasks not published yet");
        sending.failed();
        tokio::time::sleep(PAUSE).await;
    }
}

/// Something among these can never be published, for example because it is too large: each message is
/// sent by itself, and what is refused again fails for good, so that it does not wait for ever.
async fn refused(deps: &Deps, groups: Vec<TaskGroup<'_>>) {
    let mut failed = Vec::new();
    for group in groups {
        let Err(error) = deps.bus.publish_tasks(std::slice::from_ref(&group)).await else {
            continue;
        };
        if error.is_transient() {
            continue;
        }
        let why = error.to_string();
        failed.extend(group.into_iter().map(|(task, _)| refusal(task, &why)));
    }
    if let Err(error) = deps.bus.publish_inputs(failed, deps.partitions).await {
        // The checks of these tasks bring them here again.
        warn!(error = &error as &dyn std::error::Error, "refused tasks not reported");
    }
}
