//! P3, P4 and P5: one result per task, under the epoch that counts, within the task's own policy.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::{Done, Event, Input, Kind, LossCause, Program, Step, TaskPolicy, Timestamp};

use crate::{Breaches, Checked, Record};

/// A task, as its history tells of it.
#[derive(Default)]
struct Task {
    policy: TaskPolicy,
    epoch: u64,
    /// An attempt is out.
    out: bool,
    completed: bool,
    /// Since the last redrive.
    round: Round,
}

#[derive(Default)]
struct Round {
    attempts: u32,
    failures: u32,
    crashes: u32,
    /// Who died with them.
    victims: BTreeSet<String>,
    /// Attempts that went with a message, a lease, or the broker's patience.
    lost: u32,
    /// The worker said that trying again will not help, or the broker that it gave up.
    hopeless: bool,
    retry_at: Option<Timestamp>,
    dead: bool,
}

pub(super) fn check(
    record: &Record,
    program: &Program,
    checked: &mut Checked,
    breaches: &mut Breaches,
) {
    let mut reader = Reader {
        record,
        policies: policies(program),
        tasks: BTreeMap::new(),
        faulted: false,
        kept: BTreeSet::new(),
        checked,
        breaches,
    };
    for step in record.steps() {
        for event in &step.events {
            reader.take(step, event);
        }
        if step.events.is_empty() {
            reader.kept.extend(fatal(&step.input));
        }
    }
}

fn policies(program: &Program) -> BTreeMap<&str, &TaskPolicy> {
    let calls = program.nodes.iter().filter_map(|node| match &node.kind {
        Kind::Call(call) => Some((node.pointer.as_str(), &call.policy)),
        _ => None,
    });
    calls.collect()
}

/// The attempt that this ends for good: an output that the engine refuses is as fatal as a failure that
/// says so.
fn fatal(input: &Input) -> Option<(u64, u64)> {
    match input {
        Input::Failed { task, epoch, fault, .. } if fault.fatal => Some((*task, *epoch)),
        Input::Completed { task, epoch, .. } => Some((*task, *epoch)),
        _ => None,
    }
}

struct Reader<'a> {
    record: &'a Record,
    policies: BTreeMap<&'a str, &'a TaskPolicy>,
    tasks: BTreeMap<u64, Task>,
    faulted: bool,
    /// Attempts whose fatal end a suspended run kept, to take it when it goes on: task and epoch.
    kept: BTreeSet<(u64, u64)>,
    checked: &'a mut Checked,
    breaches: &'a mut Breaches,
}

impl Reader<'_> {
    fn take(&mut self, step: &Step, event: &Event) {
        match event {
            Event::TaskDispatched { task, epoch, pointer, .. } => {
                self.dispatched(step.at, *task, *epoch, pointer);
            }
            Event::TaskCompleted { task, epoch, .. } => self.completed(*task, *epoch),
            Event::TaskFailed { task, epoch, .. } => self.failed(step, *task, *epoch),
            Event::TaskLost { task, epoch, cause, worker, .. } => {
                self.lost(*task, *epoch, *cause, worker.as_deref());
            }
            Event::TaskDeferred { task, epoch, until, .. } => {
                self.is_out(*task, *epoch, "put off");
                self.task(*task).round.lost += 1;
                self.retry(*task, *until);
            }
            Event::TaskCancelled { task, .. } => self.task(*task).out = false,
            Event::RetryScheduled { task, at, .. } => self.retry(*task, *at),
            Event::TaskDeadLettered { task, epoch, quarantined, .. } => {
                self.dead(step, *task, *epoch, *quarantined);
            }
            Event::TaskRedriven { task, .. } => self.redriven(*task),
            Event::ResultRefused { task, epoch, current, .. } => {
                self.checked.refused += 1;
                let newest = self.task(*task).epoch;
                let fits = epoch < current && *current <= newest;
                let what = || format!("refused epoch {epoch}, {current} counts, {newest} is out");
                self.unless(fits, 4, *task, what);
            }
            Event::RunFaulted { .. } => self.faulted = true,
            Event::Steered(said) => self.steered(&said.done),
            _ => {}
        }
    }

    fn task(&mut self, task: u64) -> &mut Task {
        self.tasks.entry(task).or_default()
    }

    fn unless(&mut self, holds: bool, promise: u8, task: u64, what: impl FnOnce() -> String) {
        let id = &self.record.id;
        self.breaches.unless(holds, promise, || format!("{id}:{task}: {}", what()));
    }

    /// An event about an attempt must be about the newest, and that must be out.
    fn is_out(&mut self, task: u64, epoch: u64, what: &str) {
        let known = self.task(task);
        let (out, newest) = (std::mem::take(&mut known.out), known.epoch);
        let fits = out && newest == epoch;
        self.unless(fits, 4, task, || format!("{what} under {epoch}; out: {out}, newest {newest}"));
    }

    fn dispatched(&mut self, at: Timestamp, task: u64, epoch: u64, pointer: &str) {
        self.checked.attempts += 1;
        let policy = self.policies.get(pointer).map(|policy| (*policy).clone());
        self.unless(policy.is_some(), 5, task, || format!("{pointer} is no call"));
        let known = self.task(task);
        known.policy = policy.unwrap_or_default();
        let (before, out, completed) = (known.epoch, known.out, known.completed);
        let early = known.round.retry_at.take().filter(|due| at < *due);
        (known.epoch, known.out) = (epoch, true);
        known.round.attempts += 1;
        let (attempts, dead) = (known.round.attempts, known.round.dead);
        let ended = known.round.failures + known.round.crashes + known.round.lost;
        self.unless(epoch == before + 1, 4, task, || format!("epoch {epoch} after {before}"));
        self.unless(!out, 4, task, || format!("{epoch} given out while {before} was out"));
        self.unless(!completed, 3, task, || format!("{epoch} given out after its completion"));
        self.unless(!dead, 5, task, || format!("{epoch} given out behind its dead letter"));
        self.unless(early.is_none(), 5, task, || format!("{epoch} given out before {early:?}"));
        self.unless(attempts <= ended + 1, 5, task, || {
            format!("{attempts} attempts, of which {ended} ended")
        });
    }

    fn completed(&mut self, task: u64, epoch: u64) {
        let known = self.task(task);
        let (before, dead) = (std::mem::replace(&mut known.completed, true), known.round.dead);
        self.unless(!before, 3, task, || "completed twice".to_owned());
        self.unless(!dead, 6, task, || "completed and dead-lettered".to_owned());
        self.is_out(task, epoch, "completed");
    }

    fn failed(&mut self, step: &Step, task: u64, epoch: u64) {
        self.is_out(task, epoch, "failed");
        let attempt = (task, epoch);
        let fatal = fatal(&step.input) == Some(attempt) || self.kept.remove(&attempt);
        let known = self.task(task);
        known.round.failures += 1;
        known.round.hopeless |= fatal;
        let (failures, max) = (known.round.failures, known.policy.retry.maximum_attempts);
        self.unless(failures <= max, 5, task, || format!("{failures} failures of at most {max}"));
    }

    fn lost(&mut self, task: u64, epoch: u64, cause: LossCause, worker: Option<&str>) {
        self.checked.lost += 1;
        self.is_out(task, epoch, "lost");
        let known = self.task(task);
        known.round.hopeless |= cause == LossCause::Undeliverable;
        if !cause.is_crash() {
            known.round.lost += 1;
            return;
        }
        known.round.crashes += 1;
        known.round.victims.extend(worker.map(str::to_owned));
        let (crashes, max) = (known.round.crashes, known.policy.crashes_max);
        self.unless(crashes <= max, 5, task, || format!("{crashes} crashes of at most {max}"));
    }

    fn retry(&mut self, task: u64, at: Timestamp) {
        let known = self.task(task);
        known.round.retry_at = Some(at);
        let (policy, round) = (&known.policy, &known.round);
        let left = !round.hopeless
            && round.failures < policy.retry.maximum_attempts
            && round.crashes < policy.crashes_max;
        self.unless(left, 5, task, || "a retry where no attempt is left".to_owned());
    }

    fn dead(&mut self, step: &Step, task: u64, epoch: u64, quarantined: bool) {
        self.checked.dead += 1;
        let known = self.task(task);
        let before = std::mem::replace(&mut known.round.dead, true);
        let (policy, round) = (&known.policy, &known.round);
        let (limit, victims) = (policy.quarantine.workers as usize, round.victims.len());
        let kills = limit > 0 && victims >= limit;
        let exhausted = round.hopeless
            || round.failures >= policy.retry.maximum_attempts
            || round.crashes >= policy.crashes_max
            || (round.failures > 0 && policy.retry.total_ms.is_some());
        let (completed, newest) = (known.completed, known.epoch);
        let told = || format!("dead-lettered by {:?}, and not exhausted", step.input);
        let why = || format!("in quarantine after {victims} workers, by {:?}", step.input);
        if quarantined {
            self.unless(kills, 5, task, why);
        } else {
            self.unless(exhausted, 5, task, told);
        }
        self.unless(!before, 6, task, || "dead-lettered twice".to_owned());
        self.unless(!completed, 6, task, || "completed and dead-lettered".to_owned());
        self.unless(newest == epoch, 4, task, || format!("dead under {epoch}, newest {newest}"));
    }

    /// A person had it given out before its time, ended a task, or had the run begin anew: what its
    /// fault had interrupted begins a new round.
    fn steered(&mut self, done: &Done) {
        if let Done::TaskRetried { task, .. } = done {
            self.task(*task).round.retry_at = None;
        }
        let takes_up = matches!(done, Done::RunRerun { .. }) || done.task().is_some();
        if takes_up && std::mem::take(&mut self.faulted) {
            let others = self.tasks.iter_mut().filter(|(_, other)| !other.round.dead);
            others.for_each(|(_, other)| other.round = Round::default());
        }
    }

    /// The task begins a new round; where its death had ended the run, so do all that this
    /// interrupted.
    fn redriven(&mut self, task: u64) {
        let dead = self.task(task).round.dead;
        self.unless(dead, 6, task, || "redriven, and not dead".to_owned());
        if std::mem::take(&mut self.faulted) {
            let others = self.tasks.iter_mut().filter(|(_, other)| !other.round.dead);
            others.for_each(|(_, other)| other.round = Round::default());
        }
        self.task(task).round = Round::default();
    }
}
