//! Tasks of a run, derived from its history: a pure fold, so that nothing has to be stored twice.

use std::collections::BTreeMap;

use kintsugi_core::{Event, Input, RunId, RunState, Step};

use crate::{
    tasks::is_over,
    types::{Attempt, AttemptStatus, Task, TaskStatus},
};

mod parts;

use parts::{attempt, began, dispatched, ended, held, over, overlay, steered, worker_of};

/// The tasks of a run, as far as its history was folded in.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    run: RunId,
    tasks: BTreeMap<u64, Task>,
}

impl Tasks {
    /// Of a run whose history is yet to be folded in.
    pub(crate) fn new(run: RunId) -> Self {
        Self { run, tasks: BTreeMap::new() }
    }

    /// Folds the next step in.
    pub(crate) fn step(&mut self, step: &Step) {
        for event in &step.events {
            self.event(event, step);
        }
    }

    /// Whether nothing more can come of a task, as far as was folded in.
    pub(crate) fn is_settled(&self, task: u64) -> bool {
        self.tasks.get(&task).is_some_and(|task| is_over(task.status))
    }

    /// The tasks by number, with what only the run's state knows.
    pub(crate) fn finish(mut self, state: &RunState) -> BTreeMap<u64, Task> {
        for open in state.tasks() {
            if let Some(task) = self.tasks.get_mut(&open.task) {
                overlay(task, open.state);
            }
        }
        self.tasks
    }

    fn event(&mut self, event: &Event, step: &Step) {
        let at = step.at;
        match event {
            Event::TaskQueued { task, pointer, task_type, queue, .. } => {
                let entry = self.tasks.entry(*task);
                let new = || dispatched(&self.run, *task, pointer, task_type, queue, at);
                let task = entry.or_insert_with(new);
                (task.status, task.ended_at) = (TaskStatus::Queued, None);
            }
            Event::TaskDispatched { task, epoch, pointer, task_type, queue } => {
                let entry = self.tasks.entry(*task);
                let new = || dispatched(&self.run, *task, pointer, task_type, queue, at);
                let task = entry.or_insert_with(new);
                // Attempts before this one were given out in what was not folded in.
                task.partial |= task.attempts.is_empty() && *epoch > 1;
                task.attempts.push(attempt(*epoch, at));
                (task.attempt, task.epoch) = (*epoch, *epoch);
                (task.status, task.worker) = (TaskStatus::Scheduled, None);
                (task.ended_at, task.retry_at) = (None, None);
            }
            Event::TaskStarted { task, epoch, worker } => {
                let began = began(&step.input).map_or(at, |began| began.min(at));
                self.with(*task, *epoch, |task, attempt| {
                    attempt.status = AttemptStatus::Running;
                    task.status = TaskStatus::Running;
                    held(task, attempt, Some(worker), Some(began));
                });
            }
            Event::TaskCompleted { task, epoch, worker } => {
                self.with(*task, *epoch, |task, attempt| {
                    held(task, attempt, Some(worker), began(&step.input));
                    ended(attempt, AttemptStatus::Completed, at);
                    task.status = TaskStatus::Completed;
                    task.ended_at = Some(at.to_rfc3339());
                    if let Input::Completed { output, .. } = &step.input {
                        task.output = Some(output.clone());
                    }
                });
            }
            Event::TaskFailed { task, epoch, error } => {
                self.with(*task, *epoch, |task, attempt| {
                    held(task, attempt, worker_of(&step.input), began(&step.input));
                    let timed_out = attempt.status == AttemptStatus::TimedOut;
                    let status =
                        if timed_out { AttemptStatus::TimedOut } else { AttemptStatus::Failed };
                    ended(attempt, status, at);
                    attempt.error = Some(error.into());
                    task.error = Some(error.into());
                    task.failures += 1;
                    over(task, TaskStatus::Failed, at);
                })
            }
            Event::TaskTimedOut { task, epoch } => self.with(*task, *epoch, |_, attempt| {
                ended(attempt, AttemptStatus::TimedOut, at);
            }),
            Event::TaskLost { task, epoch, cause, worker, seen_at } => {
                self.with(*task, *epoch, |task, attempt| {
                    held(task, attempt, worker.as_deref(), None);
                    ended(attempt, AttemptStatus::Lost, at);
                    attempt.cause = Some(cause.as_str().to_owned());
                    attempt.seen_at = Some(seen_at.to_rfc3339());
                    task.crashes += u32::from(cause.is_crash());
                    over(task, TaskStatus::Failed, at);
                });
            }
            _ => self.decision(event, step),
        }
    }

    /// What was decided about a task, rather than what an attempt brought.
    fn decision(&mut self, event: &Event, step: &Step) {
        let at = step.at;
        match event {
            Event::TaskDeferred { task, epoch, until, worker } => {
                self.with(*task, *epoch, |task, attempt| {
                    held(task, attempt, Some(worker), None);
                    ended(attempt, AttemptStatus::Lost, at);
                    attempt.cause = Some("deferred".to_owned());
                    attempt.retry_at = Some(until.to_rfc3339());
                    (task.status, task.ended_at) = (TaskStatus::BackingOff, None);
                    task.retry_at = Some(until.to_rfc3339());
                });
            }
            Event::RetryScheduled { task, at: due, failures } => {
                let Some(task) = self.tasks.get_mut(task) else { return };
                task.failures = *failures;
                (task.status, task.ended_at) = (TaskStatus::BackingOff, None);
                task.retry_at = Some(due.to_rfc3339());
                if let Some(attempt) = task.attempts.last_mut() {
                    attempt.retry_at = Some(due.to_rfc3339());
                }
            }
            Event::TaskDeadLettered { task, error, quarantined, .. } => {
                let Some(task) = self.tasks.get_mut(task) else { return };
                task.error = Some(error.into());
                let quarantined = quarantined.then_some(TaskStatus::Quarantined);
                over(task, quarantined.unwrap_or(TaskStatus::DeadLettered), at);
            }
            Event::TaskRedriven { task, .. } => {
                let Some(task) = self.tasks.get_mut(task) else { return };
                (task.failures, task.crashes, task.error) = (0, 0, None);
            }
            // It waited for its permit, and was never given out.
            Event::TaskCancelled { task, epoch: 0 } => {
                let Some(task) = self.tasks.get_mut(task) else { return };
                over(task, TaskStatus::Cancelled, at);
            }
            Event::TaskCancelled { task, epoch } => self.with(*task, *epoch, |task, attempt| {
                if attempt.ended_at.is_none() {
                    ended(attempt, AttemptStatus::Cancelled, at);
                }
                // One that was ended by hand is so; only its attempt is no longer wanted.
                if !is_over(task.status) {
                    over(task, TaskStatus::Cancelled, at);
                }
            }),
            Event::Steered(said) => {
                let task = said.done.task().and_then(|(task, _)| self.tasks.get_mut(&task));
                task.into_iter().for_each(|task| steered(task, said, step));
            }
            Event::ResultRefused { task, epoch, .. } => {
                self.with(*task, *epoch, |_, attempt| attempt.refused += 1);
            }
            _ => {}
        }
    }

    fn with(&mut self, task: u64, epoch: u64, change: impl FnOnce(&mut Task, &mut Attempt)) {
        let Some(task) = self.tasks.get_mut(&task) else { return };
        // Epochs of a task are given out in order, and the newest is meant nearly always.
        let Some(index) = task.attempts.iter().rposition(|attempt| attempt.epoch == epoch) else {
            return;
        };
        let mut attempt = task.attempts.swap_remove(index);
        change(task, &mut attempt);
        task.attempts.push(attempt);
        let last = task.attempts.len() - 1;
        task.attempts.swap(index, last);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use kintsugi_core::{Error, ErrorKind, Fault, LossCause, Timestamp};
    use serde_json::json;

    use super::*;

    const POINTER: &str = "/do/0/charge~1card";

    fn dispatch(epoch: u64) -> Event {
        Event::TaskDispatched {
            task: 3,
            epoch,
            pointer: POINTER.into(),
            task_type: "simulate".into(),
            queue: "default".into(),
        }
    }

    fn fold(steps: &[(i64, Input, Vec<Event>)]) -> Task {
        let mut tasks = Tasks::new(RunId::parse("r").unwrap());
        for (at, input, events) in steps {
            let (at, input, events) = (Timestamp(*at), input.clone(), events.clone());
            tasks.step(&Step { at, input, events });
        }
        tasks.finish(&RunState::new(json!(null), Timestamp(0))).remove(&3).unwrap()
    }

    /// Any task.
    pub(crate) fn a_task() -> Task {
        fold(&[(10, Input::Start, vec![dispatch(1)])])
    }

    fn lost(epoch: u64) -> (Input, Event) {
        let (cause, worker, seen_at) =
            (LossCause::WorkerDead, Some("w1".to_owned()), Timestamp(20));
        (
            Input::Lost { task: 3, epoch, cause, worker: worker.clone(), seen_at, blamed: None },
            Event::TaskLost { task: 3, epoch, cause, worker, seen_at },
        )
    }

    fn completed(epoch: u64, started_at: Option<i64>) -> (Input, Event) {
        let (worker, started_at) = ("w2".to_owned(), started_at.map(Timestamp));
        let output = json!({ "ok": true });
        (
            Input::Completed { task: 3, epoch, output, worker: worker.clone(), started_at },
            Event::TaskCompleted { task: 3, epoch, worker },
        )
    }

    #[test]
    fn a_takeover_shows_as_a_lost_attempt_and_the_one_that_mends_it() {
        let ((lost_in, lost), (done_in, done)) = (lost(1), completed(2, Some(26)));
        let task = fold(&[
            (10, Input::Start, vec![Event::RunStarted, dispatch(1)]),
            (25, lost_in, vec![lost, dispatch(2)]),
            (40, done_in, vec![done]),
        ]);
        assert_eq!((task.name.as_str(), task.task.as_str()), ("charge/card", "r:3"));
        assert_eq!((task.status, task.attempt, task.crashes), (TaskStatus::Completed, 2, 1));
        assert_eq!(task.output, Some(json!({ "ok": true })));
        assert_eq!(task.attempts[0].status, AttemptStatus::Lost);
        assert_eq!(task.attempts[0].cause.as_deref(), Some("worker_dead"));
        assert_eq!(task.attempts[0].worker.as_deref(), Some("w1"));
        assert_eq!(task.attempts[0].seen_at, Some(Timestamp(20).to_rfc3339()));
        assert_eq!(task.attempts[1].status, AttemptStatus::Completed);
        assert_eq!(task.attempts[1].started_at, Some(Timestamp(26).to_rfc3339()));
        assert_eq!(task.ended_at, Some(Timestamp(40).to_rfc3339()));
    }

    #[test]
    fn a_failure_backs_off_and_a_timeout_stays_one() {
        let error = Error::new(ErrorKind::Timeout, POINTER, "too long");
        let failed = |epoch| Event::TaskFailed { task: 3, epoch, error: error.clone() };
        let fault = Fault { message: "no".into(), ..Fault::default() };
        let said =
            Input::Failed { task: 3, epoch: 1, fault, worker: "w1".into(), started_at: None };
        let retry = |failures| Event::RetryScheduled { task: 3, at: Timestamp(90), failures };
        let task = fold(&[
            (10, Input::Start, vec![dispatch(1)]),
            (20, said, vec![failed(1), retry(1)]),
            (90, Input::Tick, vec![dispatch(2)]),
            (99, Input::Tick, vec![Event::TaskTimedOut { task: 3, epoch: 2 }, failed(2), retry(2)]),
        ]);
        assert_eq!((task.status, task.failures), (TaskStatus::BackingOff, 2));
        assert_eq!(task.retry_at, Some(Timestamp(90).to_rfc3339()));
        assert_eq!(task.attempts[0].status, AttemptStatus::Failed);
        assert_eq!(task.attempts[0].worker.as_deref(), Some("w1"));
        assert_eq!(task.attempts[1].status, AttemptStatus::TimedOut);
        assert_eq!(task.ended_at, None);
    }

    #[test]
    fn a_refused_result_is_counted_where_it_belongs() {
        let ((lost_in, lost), (late_in, _)) = (lost(1), completed(1, None));
        let refused =
            Event::ResultRefused { task: 3, epoch: 1, current: 2, worker: Some("w1".into()) };
        let task = fold(&[
            (10, Input::Start, vec![dispatch(1)]),
            (25, lost_in, vec![lost, dispatch(2)]),
            (30, late_in, vec![refused]),
        ]);
        assert_eq!((task.attempts[0].refused, task.attempts[1].refused), (1, 0));
        assert_eq!(task.attempts.iter().map(|one| one.epoch).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((task.status, task.output), (TaskStatus::Scheduled, None));
    }

    #[test]
    fn attempts_that_were_not_folded_in_are_known_to_be_missing() {
        let ((_, lost), (done_in, done)) = (lost(1), completed(2, Some(26)));
        let task = fold(&[(25, Input::Tick, vec![lost, dispatch(2)]), (40, done_in, vec![done])]);
        assert!(task.partial && task.status == TaskStatus::Completed);
        assert_eq!(task.attempts.len(), 1);
        assert!(!a_task().partial);
    }

    #[test]
    fn a_dead_letter_ends_the_task_until_it_is_redriven() {
        let error = Error::new(ErrorKind::Runtime, POINTER, "broken");
        let dead = vec![
            Event::TaskFailed { task: 3, epoch: 1, error: error.clone() },
            Event::TaskDeadLettered { task: 3, epoch: 1, error: error.clone(), quarantined: false },
        ];
        let mut steps = vec![(1, Input::Start, vec![dispatch(1)]), (2, Input::Tick, dead)];
        let task = fold(&steps);
        assert_eq!((task.status, task.failures), (TaskStatus::DeadLettered, 1));
        let redrive = Input::Redrive { task: 3, epoch: 1, input: None };
        steps.push((3, redrive, vec![Event::TaskRedriven { task: 3, edited: false }, dispatch(2)]));
        let task = fold(&steps);
        assert_eq!((task.status, task.failures, task.error), (TaskStatus::Scheduled, 0, None));
        assert_eq!(task.ended_at, None);
    }
}
