//! Sends what there is to say about attempts: whatever waits, in one go, and never waits for more.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kintsugi_core::{Fault, Input, RunId};
use kintsugi_nats::{RunInput, TaskDelivery};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::shared::Shared;
use crate::attempt::Attempt;

/// How many reports go out together at most.
const BATCH_MAX: usize = 256;

/// The first and the longest pause after a failed publish.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Something to say about an attempt.
pub(crate) struct Report {
    run: RunId,
    reply: String,
    input: Input,
    /// The attempt that this ends.
    ends: Option<Arc<Attempt>>,
    /// A message that is done with once this is stored.
    done: Option<TaskDelivery>,
}

impl Report {
    /// The last word about an attempt.
    pub(crate) fn last(attempt: Arc<Attempt>, input: Input) -> Self {
        let (run, reply) = (attempt.message.run.clone(), attempt.message.reply.clone());
        Self { run, reply, input, ends: Some(attempt), done: None }
    }

    /// Something said while it goes on.
    pub(crate) fn note(attempt: &Attempt, input: Input) -> Self {
        let (run, reply) = (attempt.message.run.clone(), attempt.message.reply.clone());
        Self { run, reply, input, ends: None, done: None }
    }

    /// About a message that is not executed.
    pub(crate) fn refusal(run: RunId, reply: String, input: Input, done: TaskDelivery) -> Self {
        Self { run, reply, input, ends: None, done: Some(done) }
    }
}

/// Sends reports until `alive` is over.
pub(super) async fn send(
    shared: Arc<Shared>,
    mut unsent: mpsc::UnboundedReceiver<Report>,
    alive: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        tokio::select! {
            biased;
            n = unsent.recv_many(&mut batch, BATCH_MAX) => if n == 0 { return },
            () = alive.cancelled() => return,
        }
        publish_all(&shared, &mut batch).await;
        settle(&shared, &mut batch).await;
    }
}

/// Publishes the batch, however long it takes: an unsent result keeps its lease. When the failure
/// detector meanwhile gives the task to another worker, the engine refuses this result.
async fn publish_all(shared: &Shared, batch: &mut [Report]) {
    let mut pause = PAUSE.0;
    while let Err(error) = publish(shared, batch).await {
        if error.is_transient() {
            warn!(error = &error as &dyn std::error::Error, waiting = batch.len(), "results wait");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
            continue;
        }
        // One of them can never be sent, for example because it is larger than the broker allows.
        // Alone, each shows whether it is the one.
        for report in batch.iter_mut() {
            publish_one(shared, report).await;
        }
        return;
    }
}

async fn publish_one(shared: &Shared, report: &mut Report) {
    let mut pause = PAUSE.0;
    while let Err(error) = publish(shared, std::slice::from_ref(report)).await {
        if !error.is_transient() {
            warn!(error = &error as &dyn std::error::Error, "a result cannot be sent");
            let reason = format!("the result cannot be sent: {error}");
            if !make_fault(&mut report.input, reason) {
                return;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Makes a fatal failure of an output; says whether it did.
fn make_fault(input: &mut Input, message: String) -> bool {
    let Input::Completed { task, epoch, worker, started_at, .. } = input else { return false };
    *input = Input::Failed {
        task: *task,
        epoch: *epoch,
        fault: Fault { message, fatal: true, ..Fault::default() },
        worker: std::mem::take(worker),
        started_at: *started_at,
    };
    true
}

async fn publish(shared: &Shared, batch: &[Report]) -> Result<(), kintsugi_nats::Error> {
    let mut by_reply: BTreeMap<&str, Vec<RunInput>> = BTreeMap::new();
    for report in batch {
        let input = RunInput { run: report.run.clone(), input: report.input.clone() };
        by_reply.entry(&report.reply).or_default().push(input);
    }
    shared.bus.publish_replies(by_reply, &shared.widths()).await
}

/// The results are stored: their messages are done with, and their leases end.
async fn settle(shared: &Shared, batch: &mut Vec<Report>) {
    let attempts = batch.iter().filter_map(|report| report.ends.as_ref());
    shared.leases.remove_all(attempts);
    for report in batch.drain(..) {
        let delivery = report.done.or_else(|| report.ends.map(|attempt| attempt.delivery()));
        let Some(delivery) = delivery else { continue };
        if let Err(error) = delivery.ack().await {
            // It is delivered again later, reported as lost, and the engine knows better.
            debug!(error = &error as &dyn std::error::Error, "a task message was not acked");
        }
    }
}
