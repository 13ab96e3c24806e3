//! The gateway and those who ask at its door: starts, signals, cancellations, people who steer
//! (`steering.rs`), and an operator who redrives dead letters that are nobody's fault but the faults'.

mod answers;
mod schedules;
mod steering;

use std::{collections::BTreeSet, sync::Arc};

use kintsugi_core::{Input, RunId, RunState, partition_of};
use kintsugi_entities::{DeadLetterStatus, MailRow, NewRun, RequestRow};
use kintsugi_nats::{RunInput, event_key};
use kintsugi_promises::Answers;
use serde_json::json;

use crate::{
    cast::Cast,
    chance::Chance,
    definitions::{Definitions, EVENT_TYPE, End, FEW, MANY, SAID_TYPE, event},
    world::{Actor, Do, PARTITIONS, World},
};
pub(crate) use schedules::{N, Wanted};
pub(crate) use steering::{Came, Deed, Errand, Kept, name};

/// Runs of one seed, at most.
const RUNS_MAX: u64 = 4;

/// The same of the cast in which they get in each other's way, which has as many as that at least.
const CROWD_MAX: u64 = 6;

/// When all that runs emitted must have been heard, after the end of all faults: the retry engine
/// publishes it again after 5, 10, 20 and 40 s, and a delivery that a dead router had comes again after 30 s.
const HEARD_BY: u64 = 76_000;

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
    /// To do what is on a list of errands.
    Errand(usize),
    /// What is to be done is kept.
    Keep(usize, Box<Kept>),
    /// To answer a task of a person; which of them.
    Answer(String, usize),
    /// The answer is kept.
    KeepAnswer(String, usize),
    /// To register a schedule, or to pause it.
    Plan(usize),
    /// What is kept is told to its run.
    Tell(Vec<RunInput>),
    /// The operator looks at dead letters.
    Operate,
    /// Somebody who is no run publishes an event, and tries until it is stored.
    Publish(u64),
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
    /// What people do to runs by hand: one of a run after the other.
    pub(crate) errands: Vec<Errand>,
    /// Schedules.
    pub(crate) wanted: Vec<Wanted>,
    signalled: BTreeSet<usize>,
    /// Answers that were taken, and whose.
    pub(crate) answered: BTreeSet<(String, &'static str)>,
    /// How many events were published that no run emitted.
    published: u64,
    /// It was looked at whether all was heard that runs emitted.
    looked: bool,
    redriven: BTreeSet<String>,
}

const ME: Actor = Actor::Gateway;

impl Gateway {
    pub(crate) fn new(chance: &mut Chance, definitions: &Arc<Definitions>, cast: Cast) -> Self {
        let all = definitions.all();
        let count = if cast == Cast::Few { FEW } else { MANY };
        // Half of the seeds are about what the first definitions do not have.
        let from = if cast == Cast::All && chance.below(2) == 0 { FEW } else { 0 };
        let mut startable: Vec<usize> = (from..count).filter(|at| !all[*at].child_only).collect();
        let (mut runs, mut cancelled) = ((1, RUNS_MAX), 12);
        if cast == Cast::Crowd {
            (startable, runs, cancelled) = (definitions.crowd(), (RUNS_MAX, CROWD_MAX), 3);
        }
        let count = chance.between(runs.0, runs.1);
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
                cancel_at: (chance.below(cancelled) == 0).then(|| early + chance.below(4_000)),
            }
        });
        let plans: Vec<Plan> = plans.collect();
        if cast == Cast::Few {
            return Self { plans, ..Self::default() };
        }
        let errands = steering::errands(chance, &plans, definitions);
        let has_schedule = chance.below(6) == 0;
        let wanted = if has_schedule { schedules::wanted(chance, definitions) } else { Vec::new() };
        Self { plans, errands, wanted, ..Self::default() }
    }

    /// The plan of a run.
    pub(crate) fn plan(&self, run: &RunId) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.run == *run)
    }

    /// Whether everything was asked that anybody wanted to ask.
    pub(crate) fn is_done(&self, now: u64) -> bool {
        let all_done = self.errands.iter().all(|errand| errand.came.is_some())
            && self.wanted.iter().all(|wanted| wanted.paused);
        all_done
            && self.plans.iter().enumerate().all(|(at, plan)| {
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
        self.start_errands();
        self.start_schedules();
    }

    pub(crate) fn ask(&mut self, what: Asking) {
        match what {
            Asking::Start(at) => self.accept(at),
            Asking::Signal(at) => self.signal(at),
            Asking::Cancel(at) => self.cancel(at),
            Asking::Redrive(letter) => self.redrive(&letter),
            Asking::Answer(id, person) => self.answer(id, person),
            Asking::KeepAnswer(id, person) => self.keep_answer(id, person),
            Asking::Plan(at) => self.plan_schedule(at),
            Asking::Errand(at) => self.errand(at),
            Asking::Keep(at, kept) => self.keep_errand(at, *kept),
            Asking::Tell(inputs) => {
                self.publish_inputs(inputs);
            }
            Asking::Operate => self.operate(),
            Asking::Publish(number) => {
                let event = event(&format!("outside-{number}"), SAID_TYPE);
                if !self.say_events(vec![event], false) {
                    self.to(ME, AGAIN, Do::Ask(Asking::Publish(number)));
                }
            }
        }
    }

    fn tell_run(&mut self, run: RunId, input: Input) {
        self.next(ME, Do::Ask(Asking::Tell(vec![RunInput { run, input }])));
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
        let event = event(plan.run.as_str(), EVENT_TYPE);
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
        let input = serde_json::to_vec(input).unwrap_or_default();
        let row = RequestRow { id, run: run.clone(), about, at: self.clock(ME).0, input };
        if happens {
            self.store.request_put(row, None);
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
        self.look_at_questions();
        if !self.store.listeners_of(SAID_TYPE).is_empty() && self.publishes() {
            self.gateway.published += 1;
            let number = self.gateway.published;
            self.next(ME, Do::Ask(Asking::Publish(number)));
        }
        self.to(ME, OPERATOR, Do::Ask(Asking::Operate));
    }

    /// Whether somebody publishes what runs listen for: now and then, and once all that runs emitted
    /// must have been heard, so that they end.
    fn publishes(&mut self) -> bool {
        if self.now < self.faults.until + HEARD_BY {
            return !self.is_calm && self.chance.below(8) == 0;
        }
        if !std::mem::replace(&mut self.gateway.looked, true) {
            let unheard = self.unheard();
            self.breaches.extend(unheard);
        }
        true
    }
}
