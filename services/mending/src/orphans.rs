//! An open run, compared with who holds what (promise P2).

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use kintsugi_core::{Input, LossCause, Phase, RunId, RunState, Status, Timestamp};
use kintsugi_nats::{RunInput, Verify};

use crate::Fleet;

/// An attempt younger than this is not judged: its message or its worker's word is on the way.
const YOUNG_MS: u64 = 2_000;

/// The same where a worker of its queue died lately: it may have died of this. Only what is just being
/// published is left out; whoever is asked looks twice.
const YOUNG_AFTER_DEATH_MS: u64 = 100;

/// So many epochs before the one that counts are looked for among what workers say that they hold.
const EPOCHS_BEFORE: u64 = 8;

/// A worker that was heard of within this is alive.
const ALIVE: Duration = Duration::from_secs(3);

/// An attempt that nobody holds: run, task, epoch.
pub type Orphan = (RunId, u64, u64);

/// Attempts that nobody holds. One that is so in two rounds is lost; what was never started is a
/// question for the queue, which knows.
#[derive(Debug, Default)]
pub struct Orphans {
    before: HashSet<Orphan>,
    now: HashSet<Orphan>,
}

/// What a look at some runs brings.
#[derive(Debug, Default)]
pub struct Look {
    /// What runs are told.
    pub inputs: Vec<RunInput>,
    /// What is asked of the queues.
    pub questions: Vec<Verify>,
    /// Attempts that workers hold and that count no more: task, epoch.
    pub stale: Vec<(String, u64)>,
}

impl Orphans {
    /// What is too young to be judged now can be after this.
    pub const GROWN: Duration = Duration::from_millis(YOUNG_MS + 100);

    /// A round over all runs begins.
    pub fn begin(&mut self) {
        self.now.clear();
    }

    /// The round is over; whether it found orphans, which another round makes sure of.
    pub fn end(&mut self) -> bool {
        self.before = std::mem::take(&mut self.now);
        !self.before.is_empty()
    }

    /// Looks at one open run.
    pub fn look(
        &mut self,
        (run, state): (&RunId, &RunState),
        fleet: &Fleet,
        (time, instant): (Timestamp, Instant),
        look: &mut Look,
    ) {
        let tell = |input| RunInput { run: run.clone(), input };
        if state.status == Status::Pending && time.since(state.created_at) > YOUNG_MS {
            look.inputs.push(tell(Input::Start));
        }
        for open in state.tasks() {
            let (task, epoch) = (open.task, open.state.epoch);
            // Taken from a worker by a detector that is gone itself.
            let old = (epoch.saturating_sub(EPOCHS_BEFORE)..epoch)
                .filter(|old| fleet.holder(run, task, *old).is_some());
            look.stale.extend(old.map(|old| (format!("{run}:{task}"), old)));
            if fleet.holder(run, task, epoch).is_some() {
                continue;
            }
            match &open.state.phase {
                Phase::Started { worker, at, .. } if time.since(*at) > YOUNG_MS => {
                    let orphan = (run.clone(), task, epoch);
                    if !self.before.contains(&orphan) {
                        self.now.insert(orphan);
                        continue;
                    }
                    let alive = fleet.is_heard(worker, ALIVE, instant);
                    let cause = if alive { LossCause::LeaseDropped } else { LossCause::WorkerDead };
                    let worker = Some(worker.clone());
                    let (seen_at, blamed) = (time, None);
                    let lost = Input::Lost { task, epoch, cause, worker, seen_at, blamed };
                    look.inputs.push(tell(lost));
                }
                // Checks of its own have grown rare for one that waits for long: this is the
                // question that they would ask.
                Phase::Dispatched { at, .. } => {
                    let (queue, task_type) = (&open.state.queue, &open.state.task_type);
                    let (ghosts, _) = fleet.ghosts(queue, task_type, instant);
                    let young = if ghosts > 0 { YOUNG_AFTER_DEATH_MS } else { YOUNG_MS };
                    if time.since(*at) <= young {
                        continue;
                    }
                    look.questions.push(Verify {
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
