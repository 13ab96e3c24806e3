//! What follows a commit: messages. Every one may be sent twice, and none may be missing for good.

use std::time::Duration;

use kintsugi_core::{
    ChildEffect, ChildInput, CloudEvent, Effect, Fault, Input, RunId, Timestamp, partition_of,
};
use kintsugi_nats::{Cancel, RunInput, TaskMessage, Verify, WakeHint, events_subject, stream};
use kintsugi_observability::task_traceparent;
use kintsugi_runtime::{Deps, Shutdown};
use tracing::warn;

/// How long after the decision tasks may still be published; then they are left to the checks of
/// their runs (promise P2): the others must not wait for ever for a broker that is gone. What is
/// tried again within this time is a repeat that the stream still knows (120 s), unless it lost its
/// memory ([`kintsugi_nats::Bus::memory`]).
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
    pub(crate) events: Vec<CloudEvent>,
    pub(crate) inputs: Vec<RunInput>,
    pub(crate) wake_at: Option<i64>,
    pub(crate) has_letters: bool,
    pub(crate) permits: Vec<RunId>,
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
            Effect::Want { .. } | Effect::Release { .. } => self.permits.push(run.clone()),
            Effect::Emit { event } => self.events.push(event),
            Effect::Redriven { .. }
            | Effect::Listen { .. }
            | Effect::Unlisten { .. }
            | Effect::Offer
            | Effect::Took { .. }
            | Effect::Ask { .. }
            | Effect::Answered { .. }
            | Effect::Withdrawn { .. } => {}
            Effect::Child(effect) => self.inputs.extend(told(run, effect)),
        }
    }

    /// Sends everything. Tasks are tried until they are stored, the rest once: cancels save work,
    /// checks are asked again, hints only make the retry engine prompt, and what runs tell each
    /// other is made up for by whoever waits for it.
    pub(crate) async fn send(
        mut self,
        deps: &Deps,
        now: Timestamp,
        memory: &mut String,
        shutdown: &Shutdown,
    ) {
        let bus = &deps.bus;
        let told = std::mem::take(&mut self.inputs);
        let tell = async {
            if let Err(error) = bus.publish_inputs(told, deps.partitions).await {
                warn!(error = &error as &dyn std::error::Error, "runs not told of each other");
            }
        };
        let tasks = send_tasks(deps, &self.tasks, (now, memory), shutdown);
        if !tokio::join!(tasks, tell).0 {
            self.verifies.extend(self.tasks.iter().map(|(task, _)| question(task)));
        }
        if let Err(error) = bus.publish_events(&self.events).await {
            // They stay in the outbox, where the reconciler finds them.
            warn!(error = &error as &dyn std::error::Error, "events not published yet");
        }
        let hint = if self.has_letters { Some(now.0) } else { self.wake_at };
        let once = async {
            if !self.cancels.is_empty() {
                bus.cancel(&self.cancels).await?;
            }
            if !self.verifies.is_empty() {
                bus.verify(&self.verifies).await?;
            }
            bus.permits(&self.permits).await?;
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

/// What a run is told by another one.
fn told(from: &RunId, effect: ChildEffect) -> Option<RunInput> {
    let (run, input) = match effect {
        // Answered before the commit.
        ChildEffect::Start { .. } | ChildEffect::Look { .. } => return None,
        ChildEffect::Cancel { run } => {
            let reason = Some(format!("the run {from} does not wait for it any longer"));
            (run, Input::Cancel { reason })
        }
        ChildEffect::TellParent { run, task, life } => {
            (run, Input::Child(ChildInput::Changed { task, run: from.clone(), life }))
        }
        ChildEffect::TellChild { run, life } => (run, Input::Child(ChildInput::Heard { life })),
    };
    Some(RunInput { run, input })
}

/// Tries until every task is stored or refused; `false`: it gave up, and nobody knows which are.
async fn send_tasks(
    deps: &Deps,
    tasks: &[(TaskMessage, u32)],
    (decided_at, memory): (Timestamp, &mut String),
    shutdown: &Shutdown,
) -> bool {
    let count = tasks.len();
    // Whether some may be stored, and executed, already.
    let mut tried = false;
    loop {
        if count == 0 {
            return true;
        }
        if kintsugi_runtime::now().since(decided_at) > PATIENCE_MS || shutdown.is_cancelled() {
            warn!(tasks = count, "tasks not published in time; left to their checks");
            return false;
        }
        let known = deps.bus.memory(stream::TASKS);
        match if tried { known.await.map(Some) } else { Ok(None) } {
            Ok(Some(now)) if now != *memory => {
                warn!(tasks = count, "the broker forgot what it had; asking after tasks");
                *memory = now;
                return false;
            }
            Ok(_) if deps.bus.is_connected() => {}
            _ => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        }
        let Err(error) = deps.bus.publish_tasks(tasks).await else { return true };
        if !error.is_transient() {
            refused(deps, tasks).await;
            return true;
        }
        warn!(error = &error as &dyn std::error::Error, tasks = count, "tasks not published yet");
        tried = true;
        tokio::time::sleep(PAUSE).await;
    }
}

fn question(task: &TaskMessage) -> Verify {
    Verify {
        run: task.run.clone(),
        task: task.number,
        epoch: task.epoch,
        task_type: task.task_type.clone(),
        queue: task.queue.clone(),
        dispatched_at: task.dispatched_at,
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
        crashes,
        pointer,
        task_type,
        queue,
        input,
        start_to_close_ms,
        lease_ms,
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
        crashes,
        traceparent: Some(task_traceparent(run, origin.trace_parent.as_deref(), task, epoch)),
        task_type,
        queue,
        input,
        definition: origin.definition.clone(),
        pointer,
        start_to_close_ms,
        lease_ms,
        heartbeat_ms: 300,
        reply: events_subject(partition_of(run, deps.partitions)),
        dispatched_at: now,
    })
}
