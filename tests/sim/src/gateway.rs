//! The gateway and those who ask at its door: starts, signals, cancellations, and an operator who
//! redrives dead letters that are nobody's fault but the faults'.

use std::{collections::BTreeSet, sync::Arc};

use kintsugi_core::{Input, RunId, RunState, partition_of};
use kintsugi_entities::{DeadLetterStatus, MailRow, NewRun, RequestRow};
use kintsugi_nats::{RunInput, event_key};
use kintsugi_promises::Answers;
use serde_json::json;

use crate::{
    chance::Chance,
    definitions::{Definitions, End, event},
    world::{Actor, Do, PARTITIONS, World},
};

/// Runs of one seed, at most.
const RUNS_MAX: u64 = 4;

/// How soon somebody who got no answer asks again, and how often the operator looks.
const AGAIN: u64 = 300;
const OPERATOR: u64 = 2_000;

/// What the gateway is asked.
#[derive(Clone, Debug)]
pub(crate) enum Asking {
    /// To start a run.
    Start(usize),
    /// To send it an event.
    Signal(usize),
    /// To cancel it.
    Cancel(usize),
    /// To give a dead letter new attempts.
    Redrive(String),
    /// What is kept is told to its run.
    Tell(Box<RunInput>),
    /// The operator looks at dead letters.
    Operate,
}

/// A run that somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) run: RunId,
    pub(crate) definition: usize,
    pub(crate) n: u64,
    start_at: u64,
    signal_at: Option<u64>,
    cancel_at: Option<u64>,
}

/// What was asked, and what was answered. Those who ask remember it, not the gateway.
#[derive(Debug, Default)]
pub(crate) struct Gateway {
    pub(crate) plans: Vec<Plan>,
    pub(crate) answers: Answers,
    /// Runs that somebody tried to cancel, answered or not.
    pub(crate) cancels: BTreeSet<RunId>,
    signalled: BTreeSet<usize>,
    redriven: BTreeSet<String>,
}

const ME: Actor = Actor::Gateway;

impl Gateway {
    pub(crate) fn new(chance: &mut Chance, definitions: &Arc<Definitions>) -> Self {
        let startable: Vec<usize> =
            (0..definitions.all().len()).filter(|at| !definitions.all()[*at].child_only).collect();
        let count = chance.between(1, RUNS_MAX);
        let plans = (0..count).map(|number| {
            let definition = *chance.pick(&startable);
            let start_at = chance.below(3_000);
            let listens = definitions.all()[definition].listens;
            let early = start_at + 1;
            Plan {
                run: RunId::parse(&format!("r{number}")).expect("a letter and a digit"),
                definition,
                n: chance.between(1, 3),
                start_at,
                signal_at: listens.then(|| early + chance.below(4_000)),
                cancel_at: (chance.below(12) == 0).then(|| early + chance.below(4_000)),
            }
        });
        Self { plans: plans.collect(), ..Self::default() }
    }

    /// The plan of a run.
    pub(crate) fn plan(&self, run: &RunId) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.run == *run)
    }

    /// Whether everything was asked that anybody wanted to ask.
    pub(crate) fn is_done(&self, now: u64) -> bool {
        self.plans.iter().enumerate().all(|(at, plan)| {
            let id = plan.run.as_str();
            self.answers.accepted.contains(id)
                && plan.cancel_at.is_none_or(|at| at + 5 * AGAIN < now)
                && (plan.signal_at.is_none() || self.signalled.contains(&at))
        })
    }
}

impl World {
    pub(crate) fn start_gateway(&mut self) {
        for (at, plan) in self.gateway.plans.clone().into_iter().enumerate() {
            let wait = |when: u64| when.saturating_sub(self.now);
            let (start, signal) = (wait(plan.start_at), plan.signal_at.map(wait));
            let cancel = plan.cancel_at.filter(|when| *when >= self.now).map(wait);
            if !self.gateway.answers.accepted.contains(plan.run.as_str()) {
                self.to(ME, start, Do::Ask(Asking::Start(at)));
            }
            if let Some(delay) = signal.filter(|_| !self.gateway.signalled.contains(&at)) {
                self.to(ME, delay, Do::Ask(Asking::Signal(at)));
            }
            if let Some(delay) = cancel {
                self.to(ME, delay, Do::Ask(Asking::Cancel(at)));
            }
        }
        self.to(ME, OPERATOR, Do::Ask(Asking::Operate));
    }

    pub(crate) fn ask(&mut self, what: Asking) {
        match what {
            Asking::Start(at) => self.accept(at),
            Asking::Signal(at) => self.signal(at),
            Asking::Cancel(at) => self.cancel(at),
            Asking::Redrive(letter) => self.redrive(&letter),
            Asking::Tell(input) => {
                self.publish_inputs(vec![*input]);
            }
            Asking::Operate => self.operate(),
        }
    }

    fn tell_run(&mut self, run: RunId, input: Input) {
        self.next(ME, Do::Ask(Asking::Tell(Box::new(RunInput { run, input }))));
    }

    fn accept(&mut self, at: usize) {
        let plan = self.gateway.plans[at].clone();
        let now = self.clock(ME);
        let state = RunState::new(json!({ "n": plan.n }), now);
        let (happens, answered) = self.transaction();
        if happens {
            self.store.create(NewRun {
                id: plan.run.clone(),
                definition: self.definitions.all()[plan.definition].id.clone(),
                partition: partition_of(&plan.run, PARTITIONS),
                state: serde_json::to_vec(&state).unwrap_or_default(),
                created_at: now.0,
                parent: None,
                start_key: None,
                request_digest: String::new(),
                trace_parent: None,
            });
        }
        if !answered {
            return self.to(ME, AGAIN, Do::Ask(Asking::Start(at)));
        }
        let definition = self.definitions.all()[plan.definition].id.clone();
        self.say(|| format!("{} is accepted: {definition}, n = {}", plan.run, plan.n));
        self.gateway.answers.accepted.insert(plan.run.to_string());
        self.tell_run(plan.run, Input::Start);
    }

    fn signal(&mut self, at: usize) {
        let plan = self.gateway.plans[at].clone();
        let Some(known) = self.store.runs.get(&plan.run) else {
            return self.to(ME, AGAIN, Do::Ask(Asking::Signal(at)));
        };
        if known.row.status.is_terminal() {
            self.gateway.signalled.insert(at);
            return;
        }
        let event = event(plan.run.as_str());
        let (happens, answered) = self.transaction();
        let now = self.clock(ME).0;
        if happens {
            self.store.post(MailRow {
                run: plan.run.clone(),
                key: event_key(&event),
                place: now * 1_000_000,
                at: now,
                directed: true,
                event: serde_json::to_vec(&event).unwrap_or_default(),
            });
        }
        if !answered {
            return self.to(ME, AGAIN, Do::Ask(Asking::Signal(at)));
        }
        self.gateway.signalled.insert(at);
        self.tell_run(plan.run, Input::Mail);
    }

    /// Keeps a request; whether that was answered.
    fn keep(&mut self, id: String, run: &RunId, about: Option<String>, input: &Input) -> bool {
        let (happens, answered) = self.transaction();
        if happens && self.store.requests.iter().all(|known| known.id != id) {
            let input = serde_json::to_vec(input).unwrap_or_default();
            let at = self.clock(ME).0;
            self.store.requests.push(RequestRow { id, run: run.clone(), about, at, input });
        }
        answered
    }

    fn cancel(&mut self, at: usize) {
        let run = self.gateway.plans[at].run.clone();
        let status = self.store.runs.get(&run).map(|known| known.row.status);
        if status.is_none_or(|status| status.is_terminal()) {
            return;
        }
        self.gateway.cancels.insert(run.clone());
        let input = Input::Cancel { reason: None };
        if self.keep(format!("cancel:{run}"), &run, None, &input) {
            self.gateway.answers.cancelled.insert(run.to_string());
            self.tell_run(run, input);
        } else {
            self.to(ME, AGAIN, Do::Ask(Asking::Cancel(at)));
        }
    }

    fn redrive(&mut self, id: &str) {
        let Some(letter) = self.store.letters.get(id) else { return };
        if letter.status != DeadLetterStatus::Open {
            return;
        }
        let (run, task, epoch) = (letter.run.clone(), letter.task, letter.epoch);
        let input = Input::Redrive { task, epoch, input: None };
        if self.keep(format!("redrive:{id}"), &run, Some(id.to_owned()), &input) {
            self.gateway.redriven.insert(id.to_owned());
            self.tell_run(run, input);
        }
    }

    /// Redrives what would have completed had nothing broken, and now and then what would not.
    fn operate(&mut self) {
        let open = self.store.letters.values();
        let open: Vec<(String, RunId)> = open
            .filter(|letter| letter.status == DeadLetterStatus::Open)
            .map(|letter| (letter.id.clone(), letter.run.clone()))
            .filter(|(id, _)| !self.gateway.redriven.contains(id))
            .collect();
        for (id, run) in open {
            let helps = match self.gateway.plan(&run) {
                Some(plan) => {
                    let end = self.definitions.end(plan.definition, plan.n);
                    matches!(end, End::Completed(_)) || (!self.is_calm && self.chance.below(6) == 0)
                }
                None => true,
            };
            if helps && self.chance.below(2) == 0 {
                self.next(ME, Do::Ask(Asking::Redrive(id)));
            }
        }
        self.to(ME, OPERATOR, Do::Ask(Asking::Operate));
    }
}
