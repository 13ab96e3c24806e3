//! A worker, as `services/worker` behaves: a first delivery is its claim, anything else is reported
//! as lost; a lease ends when its result is stored. It writes down what it executes, outside the
//! engine.

use std::collections::BTreeMap;

use kintsugi_core::{Fault, Input, LossCause, RunId, Timestamp};
use kintsugi_nats::{Heartbeat, Lease, RunInput, Served};
use kintsugi_promises::Execution;
use serde_json::json;

use crate::{
    broker::Delivery,
    definitions::{TASK_TYPE, outcome},
    detector::Watching,
    off::Protection,
    world::{ACK_WAIT, Actor, Do, World},
};

/// How many tasks a worker executes at a time.
const SLOTS: usize = 2;

/// Between two heartbeats; an attempt of this age is told of at once; of this age to its run.
const BEAT: u64 = 300;
const TELL_AFTER: u64 = 45;
const STARTED_AFTER: u64 = 1_000;

/// How often the broker hears that a message is still being worked on.
const IN_PROGRESS: u64 = 10_000;

/// A task and its epoch.
type Attempt = (String, u64);

/// What a worker does.
#[derive(Clone, Debug)]
pub(crate) enum Working {
    /// A heartbeat; whether it is the regular one.
    Beat(bool),
    /// Asks for tasks.
    Pull,
    /// Gets one.
    Take(Box<Delivery>),
    /// Is done with one.
    Finish(Attempt),
    /// Has taken too long.
    TimeOut(Attempt),
    /// Says that it is at it.
    Announce(Attempt),
    /// Tells the broker so.
    Touch(Attempt),
    /// Hears that one is no longer wanted.
    Cancel(String, u64),
    /// Sends what there is to say.
    Send,
    /// Ends leases and acknowledges what was said.
    Settle(usize),
}

impl Working {
    pub(crate) fn is_step(&self) -> bool {
        !matches!(self, Self::Beat(_) | Self::Pull)
    }
}

#[derive(Debug)]
struct Held {
    delivery: Delivery,
    since: Timestamp,
    /// How it ended is on its way.
    ended: bool,
}

#[derive(Debug)]
struct Report {
    run: RunId,
    input: Input,
    /// The attempt that this ends.
    ends: Option<Attempt>,
    /// A message that is done with once this is stored.
    done: Option<Delivery>,
}

/// Its memory.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    pub(crate) name: String,
    incarnation: String,
    starts: u32,
    held: BTreeMap<Attempt, Held>,
    asked: usize,
    unsent: Vec<Report>,
    sends: bool,
    pause: u64,
    executions: u64,
}

impl Worker {
    /// What it holds, as its heartbeats say.
    pub(crate) fn holds(&self) -> impl Iterator<Item = &Attempt> {
        self.held.keys()
    }
}

impl World {
    pub(crate) fn start_worker(&mut self, who: usize) {
        let before = std::mem::take(&mut self.workers[who]);
        let starts = before.starts + 1;
        // Under its old name, as a service restarts it, or under another.
        let same = !before.name.is_empty() && self.chance.below(2) == 0;
        let name = if same { before.name } else { format!("w{who}-{starts}") };
        self.workers[who] = Worker {
            name,
            incarnation: format!("i{who}-{starts}"),
            starts,
            executions: before.executions,
            ..Worker::default()
        };
        self.to(Actor::Worker(who), 0, Do::Work(Working::Beat(true)));
        self.next(Actor::Worker(who), Do::Work(Working::Pull));
    }

    pub(crate) fn work(&mut self, who: usize, what: Working) {
        match what {
            Working::Beat(regular) => self.beat(who, regular),
            Working::Pull => self.pull(who),
            Working::Take(delivery) => self.take(who, *delivery),
            Working::Finish(attempt) => self.finish(who, &attempt),
            Working::TimeOut(attempt) => {
                let fault = Fault {
                    message: "the attempt took longer than its limit".to_owned(),
                    kind: Some("timeout".to_owned()),
                    ..Fault::default()
                };
                self.end(who, &attempt, |task, epoch, worker, since| Input::Failed {
                    task,
                    epoch,
                    fault,
                    worker,
                    started_at: Some(since),
                });
            }
            Working::Announce(attempt) => self.announce(who, &attempt),
            Working::Touch(attempt) => {
                let now = self.now;
                if let Some(held) = self.workers[who].held.get(&attempt) {
                    self.broker.touch(&held.delivery, now, ACK_WAIT);
                    let seq = held.delivery.seq;
                    self.touched(seq);
                    let again = Do::Work(Working::Touch(attempt));
                    self.to(Actor::Worker(who), IN_PROGRESS, again);
                }
            }
            Working::Cancel(task, epoch) => {
                let seen_at = self.clock(Actor::Worker(who));
                self.end(who, &(task, epoch), |task, epoch, worker, _| Input::Lost {
                    task,
                    epoch,
                    cause: LossCause::LeaseDropped,
                    worker: Some(worker),
                    seen_at,
                    blamed: None,
                });
            }
            Working::Send => self.send_reports(who),
            Working::Settle(count) => self.settle(who, count),
        }
    }

    fn beat(&mut self, who: usize, regular: bool) {
        let at = self.clock(Actor::Worker(who));
        let worker = &self.workers[who];
        let lease = |(attempt, held): (&Attempt, &Held)| Lease {
            task: attempt.0.clone(),
            epoch: attempt.1,
            since: held.since,
            crashes: held.delivery.message.crashes,
            progress: None,
            progress_at: None,
        };
        let beat = Heartbeat {
            worker: worker.name.clone(),
            incarnation: worker.incarnation.clone(),
            pid: 1,
            host: String::new(),
            version: String::new(),
            types: vec![Served::new("default", TASK_TYPE)],
            concurrency: u32::try_from(SLOTS).unwrap_or(1),
            started_at: Timestamp(0),
            at,
            targets: Vec::new(),
            leases: worker.held.iter().map(lease).collect(),
            stopping: false,
        };
        self.send(Actor::Detector, Do::Watch(Watching::Beat(Box::new(beat))));
        if regular {
            self.to(Actor::Worker(who), BEAT, Do::Work(Working::Beat(true)));
        }
    }

    fn pull(&mut self, who: usize) {
        let me = Actor::Worker(who);
        let life = self.lives.get(&me).map_or(0, |life| life.number);
        let worker = &mut self.workers[who];
        let busy = worker.held.values().filter(|held| !held.ended).count();
        let free = SLOTS.saturating_sub(busy + worker.asked);
        worker.asked += free;
        for _ in 0..free {
            self.pulls.push_back((who, life));
        }
        self.hand_out();
    }

    fn take(&mut self, who: usize, delivery: Delivery) {
        let me = Actor::Worker(who);
        let since = self.clock(me);
        let worker = &mut self.workers[who];
        worker.asked = worker.asked.saturating_sub(1);
        let message = &delivery.message;
        let attempt = (message.task.clone(), message.epoch);
        if let Some(held) = worker.held.get_mut(&attempt)
            && (held.delivery.seq == delivery.seq || !self.off.has(Protection::MsgId))
        {
            held.delivery = delivery;
            return self.pull(who);
        }
        if delivery.delivered > 1 || !delivery.is_certain {
            let again = delivery.delivered > 1;
            let cause = if again { LossCause::Redelivered } else { LossCause::BrokerRestarted };
            let (task, epoch) = (message.number, message.epoch);
            let input =
                Input::Lost { task, epoch, cause, worker: None, seen_at: since, blamed: None };
            let run = message.run.clone();
            self.report(who, Report { run, input, ends: None, done: Some(delivery) });
            return self.pull(who);
        }
        let name = worker.name.clone();
        self.ledger.push(Execution {
            task: attempt.0.clone(),
            epoch: attempt.1,
            key: message.idempotency_key.clone(),
            pid: u32::try_from(who).unwrap_or(0),
            token: None,
        });
        let slow = message.input["n"] == json!("slow");
        let limit = message.start_to_close_ms;
        self.workers[who].held.insert(attempt.clone(), Held { delivery, since, ended: false });
        self.say(|| format!("{name} executes {} under {}", attempt.0, attempt.1));
        let lasts = match (slow, self.chance.below(20)) {
            (true, _) => self.chance.between(1_500, 12_000),
            (_, 0) => self.chance.between(500, 4_000),
            _ => self.chance.between(1, 120),
        };
        self.to(me, lasts, Do::Work(Working::Finish(attempt.clone())));
        if lasts > limit {
            self.to(me, limit, Do::Work(Working::TimeOut(attempt.clone())));
        }
        if lasts > TELL_AFTER {
            self.to(me, TELL_AFTER, Do::Work(Working::Beat(false)));
        }
        if lasts > STARTED_AFTER {
            self.to(me, STARTED_AFTER, Do::Work(Working::Announce(attempt.clone())));
        }
        self.to(me, IN_PROGRESS, Do::Work(Working::Touch(attempt)));
    }

    fn announce(&mut self, who: usize, attempt: &Attempt) {
        let worker = &self.workers[who];
        let Some(held) = worker.held.get(attempt).filter(|held| !held.ended) else { return };
        let message = &held.delivery.message;
        let (run, at) = (message.run.clone(), held.since);
        let (task, epoch, worker) = (message.number, message.epoch, worker.name.clone());
        let input = Input::Started { task, epoch, worker, at };
        self.report(who, Report { run, input, ends: None, done: None });
    }

    fn finish(&mut self, who: usize, attempt: &Attempt) {
        let worker = &mut self.workers[who];
        let Some(held) = worker.held.get(attempt).filter(|held| !held.ended) else { return };
        let message = &held.delivery.message;
        worker.executions += 1;
        let token = format!("{}-{}", worker.incarnation, worker.executions);
        let result = outcome(&message.input, message.failures);
        if result.is_ok() {
            self.ledger.push(Execution {
                task: attempt.0.clone(),
                epoch: attempt.1,
                key: message.idempotency_key.clone(),
                pid: u32::try_from(who).unwrap_or(0),
                token: Some(token.clone()),
            });
        }
        self.end(who, attempt, |task, epoch, worker, since| {
            let started_at = Some(since);
            match result {
                Ok(mut output) => {
                    output["token"] = json!(token);
                    Input::Completed { task, epoch, output, worker, started_at }
                }
                Err(fault) => Input::Failed { task, epoch, fault, worker, started_at },
            }
        });
    }

    /// However an attempt ends, it is reported once.
    fn end(
        &mut self,
        who: usize,
        attempt: &Attempt,
        input: impl FnOnce(u64, u64, String, Timestamp) -> Input,
    ) {
        let worker = &mut self.workers[who];
        let name = worker.name.clone();
        let Some(held) = worker.held.get_mut(attempt).filter(|held| !held.ended) else { return };
        held.ended = true;
        let message = &held.delivery.message;
        let run = message.run.clone();
        let input = input(message.number, message.epoch, name, held.since);
        self.report(who, Report { run, input, ends: Some(attempt.clone()), done: None });
        self.pull(who);
    }

    fn report(&mut self, who: usize, report: Report) {
        let worker = &mut self.workers[who];
        worker.unsent.push(report);
        if !std::mem::replace(&mut worker.sends, true) {
            self.next(Actor::Worker(who), Do::Work(Working::Send));
        }
    }

    fn send_reports(&mut self, who: usize) {
        let worker = &self.workers[who];
        let count = worker.unsent.len();
        let unsent = worker.unsent.iter();
        let inputs: Vec<RunInput> = unsent
            .map(|report| RunInput { run: report.run.clone(), input: report.input.clone() })
            .collect();
        let inputs = inputs.into_iter().map(|input| self.pass_off(input)).collect();
        let answered = self.publish_inputs(inputs);
        let worker = &mut self.workers[who];
        if answered {
            worker.pause = 0;
            return self.next(Actor::Worker(who), Do::Work(Working::Settle(count)));
        }
        worker.pause = (worker.pause * 2).clamp(50, 2_000);
        let pause = worker.pause;
        self.to(Actor::Worker(who), pause, Do::Work(Working::Send));
    }

    /// Without fencing, a result passes for one of the attempt that counts.
    fn pass_off(&self, mut input: RunInput) -> RunInput {
        if !self.off.has(Protection::Fencing) {
            return input;
        }
        if let Input::Completed { task, epoch, .. } | Input::Failed { task, epoch, .. } =
            &mut input.input
        {
            let state = self.state(&input.run);
            let of = |state: &kintsugi_core::RunState| {
                state.tasks().find(|open| open.task == *task).map(|open| open.state.epoch)
            };
            *epoch = state.as_ref().and_then(of).unwrap_or(*epoch);
        }
        input
    }

    /// What was said is stored: its messages are done with, and its leases end.
    fn settle(&mut self, who: usize, count: usize) {
        let reports: Vec<Report> = self.workers[who].unsent.drain(..count).collect();
        for report in reports {
            let ended = report.ends.and_then(|attempt| self.workers[who].held.remove(&attempt));
            let Some(delivery) = report.done.or(ended.map(|held| held.delivery)) else { continue };
            if self.chance.permille(self.faults.unacked) {
                self.figures.fault("task not acked");
            } else {
                self.broker.ack(&delivery);
            }
        }
        let worker = &mut self.workers[who];
        worker.sends = !worker.unsent.is_empty();
        if worker.sends {
            self.next(Actor::Worker(who), Do::Work(Working::Send));
        }
    }
}
