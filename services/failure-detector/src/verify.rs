//! Attempts that were given out and that nothing was heard of: queued, held or lost?

use std::{sync::PoisonError, time::Duration};

use futures::StreamExt;
use kintsugi_core::{Input, LossCause};
use kintsugi_nats::{RunInput, Verify};
use kintsugi_runtime::{Deps, Shutdown, now};
use tokio::{sync::Semaphore, time::Instant};
use tracing::{debug, warn};

use crate::{Error, Fleet};

/// Between the two looks that it takes to call a message lost: a worker that has just taken it up
/// says so in its next heartbeat, 300 ms later.
const SECOND_LOOK: Duration = Duration::from_millis(800);

/// A message older than the queue's oldest by this much was delivered already, in milliseconds.
const SLACK_MS: u64 = 1_000;

/// How many questions are answered at once; further ones are asked again by their runs.
const AT_ONCE: usize = 64;

/// Answers questions until `shutdown`. One that is lost is asked again by its run.
pub(crate) async fn run(deps: Deps, fleet: Fleet, shutdown: Shutdown) {
    let places = std::sync::Arc::new(Semaphore::new(AT_ONCE));
    while !shutdown.is_cancelled() {
        let Ok(questions) = deps.bus.verifies().await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        futures::pin_mut!(questions);
        loop {
            let question = tokio::select! {
                () = shutdown.cancelled() => return,
                question = questions.next() => question,
            };
            let Some(question) = question else { break };
            let Ok(place) = std::sync::Arc::clone(&places).try_acquire_owned() else {
                debug!("too many questions at once; this one will be asked again");
                continue;
            };
            let (deps, fleet) = (deps.clone(), fleet.clone());
            tokio::spawn(async move {
                if let Err(error) = answer(&deps, &fleet, &question).await {
                    warn!(error = &error as &dyn std::error::Error, "check failed; asked again later");
                }
                drop(place);
            });
        }
    }
}

async fn answer(deps: &Deps, fleet: &Fleet, question: &Verify) -> Result<(), Error> {
    if !is_missing(deps, fleet, question).await? {
        return Ok(());
    }
    tokio::time::sleep(SECOND_LOOK).await;
    if !is_missing(deps, fleet, question).await? {
        return Ok(());
    }
    warn!(task.run = %question.run, task.number = question.task, "task message is lost");
    let input = Input::Lost {
        task: question.task,
        epoch: question.epoch,
        cause: LossCause::MessageLost,
        worker: None,
        seen_at: now(),
    };
    tell(deps, question, input).await
}

async fn is_missing(deps: &Deps, fleet: &Fleet, question: &Verify) -> Result<bool, Error> {
    let (holder, known, held) = {
        let fleet = fleet.lock().unwrap_or_else(PoisonError::into_inner);
        (
            fleet.holder(&question.run, question.task, question.epoch).cloned(),
            fleet.knows_enough(Instant::now()),
            fleet.held_for(&question.queue, &question.task_type),
        )
    };
    if let Some((worker, at)) = holder {
        // Its own word that it started has not arrived; without it there is no time limit.
        let (task, epoch) = (question.task, question.epoch);
        tell(deps, question, Input::Started { task, epoch, worker, at }).await?;
        return Ok(false);
    }
    if !known {
        return Ok(false);
    }
    let Some(queue) = deps.bus.queue_state(&question.queue, &question.task_type).await? else {
        return Ok(true);
    };
    let still_queued = queue.pending > 0
        && queue
            .oldest_pending_at
            .is_none_or(|oldest| oldest <= question.dispatched_at.plus(SLACK_MS));
    // What is delivered and held by nobody that we know may be in a worker that does not send
    // heartbeats: the broker delivers it again after the ack deadline, and that decides.
    let maybe_delivered = queue.ack_pending > held as u64;
    Ok(!still_queued && !maybe_delivered)
}

async fn tell(deps: &Deps, question: &Verify, input: Input) -> Result<(), Error> {
    let input = RunInput { run: question.run.clone(), input };
    deps.bus.publish_inputs(vec![input], deps.partitions).await?;
    Ok(())
}
