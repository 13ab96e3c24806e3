//! What follows a commit: messages. Every one may be sent twice, and none may be missing for good.

use std::time::Duration;

use kintsugi_core::{Effect, Fault, Input, RunId, Timestamp, partition_of};
use kintsugi_nats::{Cancel, RunInput, TaskMessage, Verify, WakeHint, events_subject};
use kintsugi_observability::task_traceparent;
use kintsugi_runtime::{Deps, Shutdown};
use tracing::warn;

/// How long after the decision tasks may still be published; then they are left to the checks of
/// their runs (promise P2).
///
/// The others must not wait for ever for a broker that is gone. And a process that stood still
/// between its commit and here may find that another gave the same attempt out long ago: what is
/// sent within this time, even by [`crate::resend`] after its 90 s, is a repeat that the stream
/// still knows (120 s).
const PATIENCE_MS: u64 = 20_000;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// What a task message says of its run.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) definition: String,
    pub(crate) trace_parent: Option<String>,
}

/// Everything that one batch sends.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) tasks: Vec<(TaskMessage, u32)>,
    pub(crate) cancels: Vec<Cancel>,
    pub(crate) verifies: Vec<Verify>,
    pub(crate) wake_at: Option<i64>,
    pub(crate) has_letters: bool,
}

impl Outbox {
    /// Takes an effect in.
    pub(crate) fn add(
        &mut self,
        deps: &Deps,
        run: &RunId,
        origin: &Origin,
        effect: Effect,
        now: Timestamp,
    ) {
        match effect {
            Effect::Dispatch { .. } => {
                self.tasks.extend(message(deps, run, origin, effect, now).map(|task| (task, 1)));
            }
            Effect::Cancel { task, epoch } => {
                self.cancels.push(Cancel { task: format!("{run}:{task}"), epoch });
            }
            Effect::Verify { task, epoch, task_type, queue, dispatched_at } => {
                let run = run.clone();
                self.verifies.push(Verify { run, task, epoch, task_type, queue, dispatched_at });
            }
            Effect::DeadLetter { .. } => self.has_letters = true,
            Effect::Redriven { .. } => {}
        }
    }

    /// Sends everything. Tasks are tried until they are stored, the rest once: cancels save work,
    /// checks are asked again, hints only make the retry engine prompt.
    pub(crate) async fn send(self, deps: &Deps, now: Timestamp, shutdown: &Shutdown) {
        let bus = &deps.bus;
        send_tasks(deps, &self.tasks, now, shutdown).await;
        let hint = if self.has_letters { Some(now.0) } else { self.wake_at };
        let once = async {
            if !self.cancels.is_empty() {
                bus.cancel(&self.cancels).await?;
            }
            if !self.verifies.is_empty() {
                bus.verify(&self.verifies).await?;
            }
            if let Some(at) = hint {
                bus.wake_hint(WakeHint { at }).await?;
            }
            Ok::<_, kintsugi_nats::Error>(())
        };
        if let Err(error) = once.await {
            warn!(error = &error as &dyn std::error::Error, "hints not sent");
        }
    }
}

/// Tries until every task is stored, refused or given up.
async fn send_tasks(
    deps: &Deps,
    tasks: &[(TaskMessage, u32)],
    decided_at: Timestamp,
    shutdown: &Shutdown,
) {
    let count = tasks.len();
    if count == 0 {
        return;
    }
    loop {
        if kintsugi_runtime::now().since(decided_at) > PATIENCE_MS {
            warn!(tasks = count, "tasks not published in time; left to their checks");
            return;
        }
        let Err(error) = deps.bus.publish_tasks(tasks).await else { return };
        if !error.is_transient() {
            return refused(deps, tasks).await;
        }
        warn!(error = &error as &dyn std::error::Error, tasks = count, "tasks not published yet");
        if shutdown.is_cancelled() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Something among these can never be published, for example because it is too large: each is sent
/// by itself, and what is refused again fails for good, so that it does not wait for ever.
async fn refused(deps: &Deps, tasks: &[(TaskMessage, u32)]) {
    let mut failed = Vec::new();
    for task in tasks {
        let Err(error) = deps.bus.publish_tasks(std::slice::from_ref(task)).await else { continue };
        if error.is_transient() {
            continue;
        }
        let fault = Fault {
            message: format!("the task cannot be given out: {error}"),
            fatal: true,
            ..Fault::default()
        };
        let (number, epoch) = (task.0.number, task.0.epoch);
        let worker = crate::NAME.to_owned();
        let input = Input::Failed { task: number, epoch, fault, worker, started_at: None };
        failed.push(RunInput { run: task.0.run.clone(), input });
    }
    if let Err(error) = deps.bus.publish_inputs(failed, deps.partitions).await {
        // The checks of these tasks bring them here again.
        warn!(error = &error as &dyn std::error::Error, "refused tasks not reported");
    }
}

fn message(
    deps: &Deps,
    run: &RunId,
    origin: &Origin,
    effect: Effect,
    now: Timestamp,
) -> Option<TaskMessage> {
    let Effect::Dispatch {
        task,
        epoch,
        failures,
        pointer,
        task_type,
        queue,
        input,
        start_to_close_ms,
    } = effect
    else {
        return None;
    };
    let id = format!("{run}:{task}");
    Some(TaskMessage {
        idempotency_key: id.clone(),
        task: id,
        run: run.clone(),
        number: task,
        epoch,
        attempt: epoch,
        failures,
        traceparent: Some(task_traceparent(run, origin.trace_parent.as_deref(), task, epoch)),
        task_type,
        queue,
        input,
        definition: origin.definition.clone(),
        pointer,
        start_to_close_ms,
        heartbeat_ms: 300,
        reply: events_subject(partition_of(run, deps.partitions)),
        dispatched_at: now,
    })
}
