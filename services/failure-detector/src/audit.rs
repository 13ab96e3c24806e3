//! Every open run, compared with who holds what (promise P2).

use std::{collections::HashSet, sync::PoisonError, time::Duration};

use kintsugi_core::{Input, LossCause, Phase, RunId, RunState, Status};
use kintsugi_nats::{RunInput, Verify};
use kintsugi_runtime::{Deps, Reconciler, now};
use tokio::time::Instant;
use tracing::{error, info};

use crate::{Error, Fleet};

/// How many runs one statement reads.
const PAGE: u32 = 500;

/// An attempt younger than this is not judged: its message or its worker's word is on the way.
const YOUNG_MS: u64 = 2_000;

/// The same where a worker of its queue died lately: it may have died of this.
const YOUNG_AFTER_DEATH_MS: u64 = 300;

/// An attempt that nobody holds: run, task, epoch.
type Orphan = (RunId, u64, u64);

/// Looks for attempts that nobody holds. One that is so in two rounds is reported as lost; what
/// was never started is a question for the queue, which knows.
pub(crate) struct Audit {
    deps: Deps,
    fleet: Fleet,
    orphans: HashSet<Orphan>,
}

impl Audit {
    pub(crate) fn new(deps: Deps, fleet: Fleet) -> Self {
        Self { deps, fleet, orphans: HashSet::new() }
    }

    async fn round(&mut self) -> Result<HashSet<Orphan>, Error> {
        let (mut after, mut orphans) = (None::<RunId>, HashSet::new());
        loop {
            let page = self.deps.store.runs_open_page(after.as_ref(), PAGE).await?;
            let full = page.len() >= PAGE as usize;
            after = page.last().map(|row| row.id.clone());
            let (mut inputs, mut questions) = (Vec::new(), Vec::new());
            for row in page {
                match serde_json::from_slice::<RunState>(&row.state) {
                    Ok(state) => {
                        self.look(&row.id, &state, &mut orphans, &mut inputs, &mut questions);
                    }
                    Err(problem) => error!(
                        workflow.id = %row.id,
                        error = &problem as &dyn std::error::Error,
                        "a stored state cannot be read"
                    ),
                }
            }
            if !inputs.is_empty() {
                info!(attempts = inputs.len(), "attempts that nobody holds");
                self.deps.bus.publish_inputs(inputs, self.deps.partitions).await?;
            }
            self.deps.bus.verify(&questions).await?;
            if !full {
                return Ok(orphans);
            }
        }
    }

    fn look(
        &self,
        run: &RunId,
        state: &RunState,
        orphans: &mut HashSet<Orphan>,
        inputs: &mut Vec<RunInput>,
        questions: &mut Vec<Verify>,
    ) {
        let time = now();
        let tell = |input| RunInput { run: run.clone(), input };
        if state.status == Status::Pending && time.since(state.created_at) > YOUNG_MS {
            inputs.push(tell(Input::Start));
        }
        let fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        for open in state.tasks() {
            let (task, epoch) = (open.task, open.state.epoch);
            if fleet.holder(run, task, epoch).is_some() {
                continue;
            }
            match &open.state.phase {
                Phase::Started { worker, at, .. } if time.since(*at) > YOUNG_MS => {
                    let orphan = (run.clone(), task, epoch);
                    if !self.orphans.contains(&orphan) {
                        orphans.insert(orphan);
                        continue;
                    }
                    let alive = fleet.is_heard(worker, Duration::from_secs(3), Instant::now());
                    let cause = if alive { LossCause::LeaseDropped } else { LossCause::WorkerDead };
                    let worker = Some(worker.clone());
                    let (seen_at, blamed) = (time, None);
                    let lost = Input::Lost { task, epoch, cause, worker, seen_at, blamed };
                    inputs.push(tell(lost));
                }
                // Checks of its own have grown rare for one that waits for long: this is the
                // question that they would ask.
                Phase::Dispatched { at, .. } => {
                    let (queue, task_type) = (&open.state.queue, &open.state.task_type);
                    let (ghosts, _) = fleet.ghosts(queue, task_type, Instant::now());
                    let young = if ghosts > 0 { YOUNG_AFTER_DEATH_MS } else { YOUNG_MS };
                    if time.since(*at) <= young {
                        continue;
                    }
                    questions.push(Verify {
                        run: run.clone(),
                        task,
                        epoch,
                        task_type: open.state.task_type.clone(),
                        queue: open.state.queue.clone(),
                        dispatched_at: *at,
                    });
                }
                _ => {}
            }
        }
    }
}

impl Reconciler for Audit {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let known = {
            let fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
            fleet.knows_enough(Instant::now())
        };
        if !known {
            // Just started: what is held is heard within two seconds.
            tokio::time::sleep(Duration::from_millis(2_100)).await;
        }
        self.orphans = self.round().await?;
        if !self.orphans.is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.orphans = self.round().await?;
        }
        Ok(())
    }
}
