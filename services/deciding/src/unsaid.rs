//! What an owner that was killed between its commit and its publish left unsaid.

use kintsugi_core::{Phase, RunId, RunState};
use kintsugi_nats::{TaskMessage, Verify};

/// What is asked about runs that are taken over.
#[derive(Debug, Default)]
pub struct Unsaid {
    /// Attempts that nothing was heard of and that nobody asked after yet.
    pub questions: Vec<Verify>,
    /// Runs with tasks that wait for a permit.
    pub queued: Vec<RunId>,
    /// The earliest deadline, in milliseconds of the epoch: the retry engine may not have heard of it.
    pub wake_at: Option<i64>,
}

impl Unsaid {
    /// Looks at one run.
    pub fn look(&mut self, id: &RunId, state: &RunState) {
        if state.tasks().any(|open| matches!(open.state.phase, Phase::Queued { .. })) {
            self.queued.push(id.clone());
        }
        let due = state.wake_at().map(|at| at.0);
        self.wake_at = self.wake_at.into_iter().chain(due).min();
        for open in state.tasks() {
            let Phase::Dispatched { at, checks: 0, .. } = open.state.phase else { continue };
            self.questions.push(Verify {
                run: id.clone(),
                task: open.task,
                epoch: open.state.epoch,
                task_type: open.state.task_type.clone(),
                queue: open.state.queue.clone(),
                dispatched_at: at,
            });
        }
    }
}

/// Where is this task?
#[must_use]
pub fn question(task: &TaskMessage) -> Verify {
    Verify {
        run: task.run.clone(),
        task: task.number,
        epoch: task.epoch,
        task_type: task.task_type.clone(),
        queue: task.queue.clone(),
        dispatched_at: task.dispatched_at,
    }
}
