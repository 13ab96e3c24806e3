//! Runs whose time has come.

use std::time::Duration;

use futures::StreamExt;
use kintsugi_core::{Input, Timestamp};
use kintsugi_mending::Deadlines;
use kintsugi_nats::RunInput;
use kintsugi_runtime::{Deps, Part, Shutdown, Waker, now};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use crate::{Config, Error, mail::OVERDUE_MS, redrives};

/// The pause after a failure, and the shortest between two calls for the others.
const PATIENCE: Duration = Deadlines::PATIENCE;

/// Whom a scan or a hint wakes.
#[derive(Clone, Default)]
pub(crate) struct Wakers {
    /// Publishes dead letters.
    pub(crate) letters: Waker,
    /// Sees to what lies where it should not.
    pub(crate) mail: Waker,
    /// Takes the next steps of redrives of many letters.
    pub(crate) redrives: Waker,
}

/// Sleeps until the earliest known deadline, a hint or the next scan, whichever comes first.
pub(crate) async fn run(
    deps: Deps,
    config: Config,
    wakers: Wakers,
    part: Part,
    shutdown: Shutdown,
) {
    let letters = wakers.letters.clone();
    let batch_max = config.batch_max;
    let mut due = Due { deps, batch_max, told: Deadlines::default(), wakers, woken: None };
    let mut hints = due.hints().await;
    let mut next = Instant::now();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep_until(next) => {
                let round = part.begin();
                let done = due.round().await;
                drop(round);
                part.trouble(done.as_ref().err().map(ToString::to_string));
                next = match done {
                    Ok(pause) => Instant::now() + pause.min(config.scan_interval),
                    Err(error) => {
                        warn!(error = &error as &dyn std::error::Error, "scan failed; will try again");
                        Instant::now() + config.scan_interval.min(PATIENCE)
                    }
                };
            }
            hint = hints.next() => match hint {
                Some(hint) => {
                    let pause = Timestamp(hint.at).since(now());
                    if pause == 0 {
                        letters.wake();
                    }
                    let pause = Duration::from_millis(pause).min(config.scan_interval);
                    next = next.min(Instant::now() + pause);
                }
                // The subscription ended with the connection's end; the scan goes on meanwhile.
                None => {
                    tokio::time::sleep(PATIENCE).await;
                    hints = due.hints().await;
                }
            },
        }
    }
}

struct Due {
    deps: Deps,
    batch_max: u32,
    told: Deadlines,
    wakers: Wakers,
    woken: Option<Instant>,
}

impl Due {
    async fn hints(&self) -> futures::stream::BoxStream<'static, kintsugi_nats::WakeHint> {
        match self.deps.bus.wake_hints().await {
            Ok(hints) => hints.boxed(),
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "no hints; scanning only");
                futures::stream::pending().boxed()
            }
        }
    }

    /// Tells every due run the time, and gives how long nothing else is due.
    async fn round(&mut self) -> Result<Duration, Error> {
        let (time, instant) = (now(), Instant::now());
        self.told.forget(instant.into_std());
        // What was told lately may still be in the answer; ask for that many more.
        let limit = self.batch_max + u32::try_from(self.told.len()).unwrap_or(u32::MAX / 2);
        let found = self.deps.store.due(time.0, time.0 - OVERDUE_MS, limit).await?;
        let full = found.runs.len() >= limit as usize;
        let is_over = |at: Instant| instant.duration_since(at) >= PATIENCE;
        if found.overdue && self.woken.is_none_or(is_over) {
            self.woken = Some(instant);
            self.wakers.letters.wake();
            self.wakers.mail.wake();
        }
        if found.redrive.is_some_and(|at| at <= now().0) {
            self.wakers.redrives.wake();
        }
        let fresh = self.told.fresh(found.runs, instant.into_std()).into_iter();
        let fresh: Vec<RunInput> = fresh.map(|run| RunInput { run, input: Input::Tick }).collect();
        if !fresh.is_empty() {
            self.deps.bus.publish_inputs(fresh, self.deps.partitions).await?;
        }
        if full {
            return Ok(Duration::from_millis(1));
        }
        let pause = |at: Option<i64>, least: u64| {
            let pause = at.map_or(i64::MAX, |at| at - now().0);
            Duration::from_millis(u64::try_from(pause).unwrap_or(least).max(least))
        };
        let least = u64::try_from(redrives::AGAIN.as_millis()).unwrap_or(1);
        let pause = pause(found.next, 1).min(pause(found.redrive, least));
        Ok(self.told.look_again(pause))
    }
}
