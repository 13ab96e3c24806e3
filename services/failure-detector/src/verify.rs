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
/// says so in its next heartbeat, 300 ms later at most.
const SECOND_LOOK: Duration = Duration::from_millis(500);

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
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "check failed; asked again later"
                    );
                }
                drop(place);
            });
        }
    }
}

async fn answer(deps: &Deps, fleet: &Fleet, question: &Verify) -> Result<(), Error> {
    if missing(deps, fleet, question).await?.is_none() {
        return Ok(());
    }
    tokio::time::sleep(SECOND_LOOK).await;
    let Some((cause, worker)) = missing(deps, fleet, question).await? else {
        return Ok(());
    };
    warn!(task.run = %question.run, task.number = question.task, ?cause, "attempt is lost");
    let input =
        Input::Lost { task: question.task, epoch: question.epoch, cause, worker, seen_at: now() };
    tell(deps, question, input).await
}

/// Why nobody will ever answer for the attempt; none: it waits, it runs, or nobody can say yet.
async fn missing(
    deps: &Deps,
    fleet: &Fleet,
    question: &Verify,
) -> Result<Option<(LossCause, Option<String>)>, Error> {
    let (holder, known, held, (ghosts, ghost)) = {
        let fleet = fleet.lock().unwrap_or_else(PoisonError::into_inner);
        (
            fleet.holder(&question.run, question.task, question.epoch).cloned(),
            fleet.knows_enough(Instant::now()),
            fleet.held_for(&question.queue, &question.task_type) as u64,
            fleet.ghosts(&question.queue, &question.task_type, Instant::now()),
        )
    };
    if let Some((worker, at)) = holder {
        // Its own word that it started has not arrived; without it there is no time limit.
        let (task, epoch) = (question.task, question.epoch);
        tell(deps, question, Input::Started { task, epoch, worker, at }).await?;
        return Ok(None);
    }
    if !known {
        return Ok(None);
    }
    let Some(queue) = deps.bus.queue_state(&question.queue, &question.task_type).await? else {
        return Ok(Some((LossCause::MessageLost, None)));
    };
    let still_queued = queue.pending > 0
        && queue
            .oldest_pending_at
            .is_none_or(|oldest| oldest <= question.dispatched_at.plus(SLACK_MS));
    if still_queued {
        return Ok(None);
    }
    if queue.ack_pending <= held {
        return Ok(Some((LossCause::MessageLost, None)));
    }
    // It was delivered, and nobody says that he holds it: one who died before he could say so, or
    // a worker that sends no heartbeats. For that one the broker decides, when it delivers again.
    let died = queue.ack_pending <= held + ghosts;
    Ok(died.then_some((LossCause::WorkerDead, ghost)))
}

async fn tell(deps: &Deps, question: &Verify, input: Input) -> Result<(), Error> {
    let input = RunInput { run: question.run.clone(), input };
    deps.bus.publish_inputs(vec![input], deps.partitions).await?;
    Ok(())
}
