//! Grants permits: of tasks with the same key only so many are given out at a time.
//!
//! The orchestrator with the first partition grants, whenever a batch wanted or gave back any. A permit
//! is a row that is written with the step of its run, so none is lost with a process; a run that was
//! not told is told again.

use std::{collections::BTreeSet, time::Duration};

use kintsugi_core::{Input, Timestamp};
use kintsugi_nats::{RunHints, RunInput};
use kintsugi_runtime::{Deps, Part, Shutdown, now};
use tokio::{sync::watch, time::Instant, time::sleep_until};
use tracing::{debug, warn};

use crate::{
    Error,
    ownership::{has_first, left_first},
};

/// The longest between two rounds while there are permits: a hint may be lost.
const LOOK: Duration = Duration::from_secs(5);

/// The same while there are none.
const REST: Duration = Duration::from_secs(30);

/// The shortest pause between two rounds: what comes meanwhile is dealt with together.
const GAP: Duration = Duration::from_millis(5);

/// How soon a round that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// A run that has not taken its permit for so long is told again.
const RETELL_MS: i64 = 4_000;

/// Grants until `shutdown`, while `shares` has the first partition.
pub(crate) async fn run(
    deps: Deps,
    mut shares: watch::Receiver<BTreeSet<u16>>,
    part: Part,
    shutdown: Shutdown,
) {
    while has_first(&mut shares, &shutdown).await {
        look_after(&deps, &mut shares, &part, &shutdown).await;
        part.trouble(None);
    }
}

async fn look_after(
    deps: &Deps,
    shares: &mut watch::Receiver<BTreeSet<u16>>,
    part: &Part,
    shutdown: &Shutdown,
) {
    let mut hints = None;
    let gone = left_first(shares);
    tokio::pin!(gone);
    let (mut next, mut free) = (Instant::now(), Instant::now());
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = &mut gone => return,
            () = sleep_until(next) => {
                let began = Instant::now();
                let at_work = part.begin();
                let done = round(deps).await;
                drop(at_work);
                // Where many wait a round is dear: no more than half of the time goes into rounds.
                free = Instant::now() + began.elapsed().max(GAP);
                part.trouble(done.as_ref().err().map(ToString::to_string));
                next = Instant::now() + match done {
                    Ok(true) => LOOK,
                    Ok(false) => REST,
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        warn!(error, "permits were not granted; will try again");
                        AGAIN
                    }
                };
            }
            () = hint(deps, &mut hints) => next = next.min(free),
        }
    }
}

/// Waits for a hint, or for a time in which some may have been missed.
async fn hint(deps: &Deps, hints: &mut Option<RunHints>) {
    loop {
        if let Some(open) = hints
            && open.next().await.is_some()
        {
            return;
        }
        *hints = match deps.bus.permit_hints().await {
            Ok(open) => Some(open),
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "no hints; looking only");
                tokio::time::sleep(AGAIN).await;
                None
            }
        };
    }
}

/// One round; whether there are any permits at all.
async fn round(deps: &Deps) -> Result<bool, Error> {
    let time = now().0;
    let round = deps.store.permits_round(time, time - RETELL_MS).await?;
    let told = round.told.into_iter().map(|(run, task, since)| {
        let input = Input::Granted { task, since: Some(Timestamp(since)) };
        RunInput { run, input }
    });
    // What is not published now is told again.
    deps.bus.publish_inputs(told.collect(), deps.partitions).await?;
    Ok(round.any)
}
