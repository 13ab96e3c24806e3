//! What follows a commit.

use kintsugi_core::{Input, Timestamp};
use kintsugi_deciding::{Decided, Origin, Outbox, Sending, Try, question};
use kintsugi_nats::{RunInput, TaskMessage};

use super::{Phase, TRY};
use crate::{
    detector::Watching,
    retry::Retrying,
    worker::Working,
    world::{Actor, Do, PARTITIONS, WORKERS, World},
};

impl World {
    pub(super) fn say_changes(&mut self, who: usize, decided: &Decided) {
        for change in &decided.changes {
            let name = self.lanes[who].name.clone();
            self.say(|| {
                let steps = change.steps.iter().map(|step| (&step.input, &step.events));
                format!("{name} commits {}: {:?}", change.run, steps.collect::<Vec<_>>())
            });
        }
    }

    /// What follows a commit.
    pub(super) fn follow(&mut self, who: usize, decided: Decided, time: Timestamp) -> Outbox {
        let lane = &mut self.lanes[who];
        let mut outbox = Outbox { wake_at: decided.wake_at, ..Outbox::default() };
        outbox.inputs = decided.answers;
        let started = decided.batch.children.into_iter().map(|child| child.id);
        outbox.inputs.extend(started.map(|run| RunInput { run, input: Input::Start }));
        for (id, effect) in decided.effects {
            let Some(run) = lane.runs.get(&id) else { continue };
            let origin = Origin { definition: run.definition.clone(), trace: run.trace };
            outbox.add(PARTITIONS, (&id, &origin), effect, time);
        }
        for changed in decided.changes {
            let ended = lane.runs.get(&changed.run).map(|run| run.state.status.is_terminal());
            if ended == Some(true) {
                lane.runs.forget(&changed.run);
            }
        }
        lane.unfinished = decided.unfinished;
        lane.mail.extend(decided.batch.mail.offered);
        outbox
    }

    /// One try to publish tasks, and when the next step is.
    pub(super) fn give(
        &mut self,
        who: usize,
        (mut outbox, time, mut sending): (Outbox, Timestamp, Sending),
    ) -> (Phase, u64) {
        let now = self.clock(Actor::Orchestrator(who));
        let known = if sending.must_know() { self.broker.memory() } else { None };
        let up = self.broker.up;
        let next = sending.next(now, up, known, &mut self.lanes[who].memory);
        match next {
            _ if outbox.tasks.is_empty() => {}
            Try::Publish => {
                let tasks: Vec<TaskMessage> =
                    outbox.tasks.iter().map(|(task, _)| task.clone()).collect();
                let mut answered = true;
                for task in &tasks {
                    answered &= self.publish_task(task);
                }
                if !answered {
                    sending.failed();
                    return (Phase::Give(Box::new((outbox, time, sending))), TRY);
                }
            }
            Try::Wait => return (Phase::Give(Box::new((outbox, time, sending))), TRY),
            Try::Late | Try::Forgotten => {
                let questions = outbox.tasks.iter().map(|(task, _)| question(task));
                outbox.verifies.extend(questions);
            }
        }
        let rest = Box::new((outbox, time));
        let phase = if rest.0.events.is_empty() { Phase::Hint(rest) } else { Phase::Say(rest) };
        (phase, self.chance.between(0, 3))
    }

    pub(super) fn hint(&mut self, (outbox, time): (Outbox, Timestamp)) {
        for cancel in outbox.cancels {
            for worker in 0..WORKERS {
                let what = Working::Cancel(cancel.task.clone(), cancel.epoch);
                self.send(Actor::Worker(worker), Do::Work(what));
            }
        }
        for question in outbox.verifies {
            self.send(Actor::Detector, Do::Watch(Watching::Verify(Box::new(question))));
        }
        if !outbox.permits.is_empty() {
            self.hint_permits();
        }
        let hint = if outbox.has_letters { Some(time.0) } else { outbox.wake_at };
        if let Some(at) = hint {
            self.send(Actor::Retry, Do::Retry(Retrying::Hint(at)));
        }
    }
}
