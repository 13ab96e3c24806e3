//! Attempts that were given out and that nothing was heard of: queued, held or lost?

use std::{collections::BTreeSet, sync::PoisonError, time::Duration};

use futures::{FutureExt, Stream, StreamExt, TryStreamExt};
use kintsugi_mending::{Doubts, Finding};
use kintsugi_nats::Verify;
use kintsugi_runtime::{Deps, Shutdown, now};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use crate::{Error, Fleet, watch::tell};

/// Between two looks while something is in doubt. One look at a queue answers for all its attempts.
const ROUND: Duration = Duration::from_millis(100);

/// How many queues are looked at at once.
const AT_ONCE: usize = 32;

/// The pause after the bus refused.
const PAUSE: Duration = Duration::from_millis(200);

/// Answers questions until `shutdown`. One that is lost is asked again by its run.
pub(crate) async fn run(deps: Deps, fleet: Fleet, shutdown: Shutdown) {
    let mut doubts = Doubts::default();
    while !shutdown.is_cancelled() {
        let Ok(questions) = deps.bus.verifies().await else {
            sleep(PAUSE).await;
            continue;
        };
        futures::pin_mut!(questions);
        let work = answer(&deps, &fleet, &mut doubts, questions);
        shutdown.run_until_cancelled(work).await;
    }
}

/// Until the connection closes.
async fn answer(
    deps: &Deps,
    fleet: &Fleet,
    doubts: &mut Doubts,
    mut questions: impl Stream<Item = Verify> + Unpin,
) {
    let mut next_look = Instant::now();
    loop {
        let in_doubt = !doubts.is_empty();
        tokio::select! {
            question = questions.next() => {
                let Some(question) = question else { return };
                take(doubts, question);
                // Those that came with it are looked at with it.
                while let Some(Some(question)) = questions.next().now_or_never() {
                    take(doubts, question);
                }
            }
            () = sleep_until(next_look), if in_doubt => {
                if let Err(error) = round(deps, fleet, doubts).await {
                    warn!(error = &error as &dyn std::error::Error, "check failed; tried again");
                    sleep(PAUSE).await;
                }
                next_look = Instant::now() + ROUND;
            }
        }
    }
}

fn take(doubts: &mut Doubts, question: Verify) {
    if !doubts.ask(question) {
        debug!("too many questions at once; this one will be asked again");
    }
}

/// Looks at every queue of an attempt in doubt, and tells the runs what is settled. Killed before they
/// are told, questions are unanswered; their runs ask again.
async fn round(deps: &Deps, fleet: &Fleet, doubts: &mut Doubts) -> Result<(), Error> {
    let looks = futures::stream::iter(doubts.queues()).map(async |served| {
        let state = deps.bus.queue_state(&served.0, &served.1).await?;
        Ok::<_, Error>((served, state))
    });
    let states: Vec<_> = looks.buffer_unordered(AT_ONCE).try_collect().await?;
    let (mut inputs, mut asked) = (Vec::new(), BTreeSet::new());
    {
        let mut fleet = fleet.lock().unwrap_or_else(PoisonError::into_inner);
        let at = std::time::Instant::now();
        for (served, state) in states {
            let settled = doubts.judge(&served, state.as_ref(), &fleet, at);
            for (question, finding) in settled {
                if let Finding::Lost(cause, _) = &finding {
                    let (run, task) = (&question.run, question.task);
                    warn!(task.run = %run, task.number = task, ?cause, "attempt is lost");
                    fleet.take(format!("{run}:{task}"), question.epoch);
                }
                inputs.extend(finding.tell(question, now()));
            }
            if doubts.is_newly_missing(&served, at) {
                asked.extend(fleet.names_for(&served.0, &served.1));
            }
        }
    }
    // They say at once what they hold, instead of with their next heartbeat. Who does not is waited for.
    let ask = asked.into_iter().map(|worker| {
        let bus = deps.bus.clone();
        async move { bus.ping_worker(&worker, ROUND).await }
    });
    futures::stream::iter(ask).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    tell(deps, fleet, inputs).await
}
