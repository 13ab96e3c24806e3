//! The failure detector: the parts of `services/failure-detector`, step by step, around the judgement
//! of the engine itself (`services/mending`).

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kintsugi_core::{LossCause, RunId, RunState};
use kintsugi_mending::{Doubts, Fleet, Look, Orphans};
use kintsugi_nats::{Heartbeat, RunInput, Verify};

use crate::{
    off::Protection,
    world::{Actor, Do, WORKERS, World},
};

/// The defaults of the service, in milliseconds.
const SUSPECT_AFTER: u64 = 500;
const PING_TIMEOUT: u64 = 1_000;
const AUDIT_INTERVAL: u64 = 30_000;
const STREAMS_INTERVAL: u64 = 3_000;

/// Between two looks for silent workers, and two looks at queues in doubt.
const WATCH: u64 = 100;
const ROUND: u64 = 100;

/// How long it listens before it audits, and between the two rounds that make an orphan.
const LISTEN: u64 = 2_100;
const MAKE_SURE: u64 = 1_000;

/// When an audit that failed is tried again.
const AGAIN: u64 = 2_000;

/// What the failure detector does.
#[derive(Clone, Debug)]
pub(crate) enum Watching {
    /// Hears a worker.
    Beat(Box<Heartbeat>),
    /// Looks for silent workers.
    Silent,
    /// Knows what these answered.
    Answers(Vec<(String, Option<LossCause>)>),
    /// Is asked after an attempt.
    Verify(Box<Verify>),
    /// Looks at the queues of what is in doubt.
    Round,
    /// Compares every open run with who holds what: which audit, the how-manieth round.
    Audit(u64, u32),
    /// Publishes what it has seen, and keeps it until that is done.
    Report(Vec<RunInput>),
    /// Publishes what an audit found.
    Tell(Vec<RunInput>),
    /// Asks after what it has seen.
    Ask(Vec<Verify>),
    /// Looks at the broker's streams; whether somebody said that one is gone.
    Streams(bool),
}

impl Watching {
    pub(crate) fn is_step(&self) -> bool {
        matches!(self, Self::Answers(_) | Self::Audit(..) | Self::Report(_))
            || matches!(self, Self::Tell(_) | Self::Ask(_))
            || matches!(self, Self::Streams(true))
    }
}

/// Its memory.
#[derive(Debug)]
pub(crate) struct Detector {
    fleet: Fleet,
    doubts: Doubts,
    orphans: Orphans,
    looks: bool,
    /// Names audits: only the newest that was asked for goes on.
    audit: u64,
    audits: bool,
    /// A stream was lost: another look at all runs.
    again: bool,
    woken: bool,
    connected: bool,
    look_again: Option<Instant>,
    /// When the broker that it is connected to began.
    broker: u64,
    streams: Option<BTreeMap<&'static str, u64>>,
}

impl Detector {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            fleet: Fleet::new(now),
            doubts: Doubts::default(),
            orphans: Orphans::default(),
            looks: false,
            audit: 0,
            audits: false,
            again: false,
            woken: false,
            connected: true,
            look_again: None,
            broker: 0,
            streams: None,
        }
    }
}

const ME: Actor = Actor::Detector;

impl World {
    pub(crate) fn start_detector(&mut self) {
        self.detector = Detector { broker: self.broker.began, ..Detector::new(self.instant()) };
        self.to(ME, WATCH, Do::Watch(Watching::Silent));
        self.to(ME, 1, Do::Watch(Watching::Streams(false)));
        self.wake_audit();
    }

    pub(crate) fn watch(&mut self, what: Watching) {
        match what {
            Watching::Beat(beat) => {
                let now = self.instant();
                if let Some(gone) = self.detector.fleet.heard(*beat, now) {
                    self.say(|| format!("detector: {} was restarted", gone.worker));
                    self.wake_audit();
                    let inputs = gone.inputs(LossCause::WorkerDead, self.clock(ME));
                    self.report_gone(inputs);
                }
            }
            Watching::Silent => self.silent(),
            Watching::Answers(answers) => self.answers(answers),
            Watching::Verify(question) => {
                let _ = self.detector.doubts.ask(*question);
                if !std::mem::replace(&mut self.detector.looks, true) {
                    self.next(ME, Do::Watch(Watching::Round));
                }
            }
            Watching::Round => self.round(),
            Watching::Audit(audit, round) => self.audit(audit, round),
            Watching::Report(inputs) => {
                if !self.publish_inputs(inputs.clone()) {
                    self.detector.fleet.keep(inputs);
                }
            }
            Watching::Tell(inputs) => {
                if !self.publish_inputs(inputs) {
                    // The audit failed, and begins anew.
                    self.detector.audits = false;
                    self.detector.audit += 1;
                    let audit = self.detector.audit;
                    self.to(ME, AGAIN, Do::Watch(Watching::Audit(audit, 0)));
                }
            }
            Watching::Ask(questions) => {
                for question in questions {
                    self.send(ME, Do::Watch(Watching::Verify(Box::new(question))));
                }
            }
            Watching::Streams(hinted) => {
                self.look_at_streams();
                if !hinted {
                    self.to(ME, STREAMS_INTERVAL, Do::Watch(Watching::Streams(false)));
                }
            }
        }
    }

    fn tell(&mut self, inputs: Vec<RunInput>) {
        if !inputs.is_empty() {
            self.next(ME, Do::Watch(Watching::Tell(inputs)));
        }
    }

    fn report_gone(&mut self, inputs: Vec<RunInput>) {
        if !inputs.is_empty() {
            self.next(ME, Do::Watch(Watching::Report(inputs)));
        }
    }

    fn silent(&mut self) {
        let untold = self.detector.fleet.untold();
        if !untold.is_empty() && !self.publish_inputs(untold.clone()) {
            self.detector.fleet.keep(untold);
            return self.to(ME, WATCH, Do::Watch(Watching::Silent));
        }
        let now = self.instant();
        // A connection that broke between two looks is noticed too.
        let up = self.broker.up && self.detector.broker == self.broker.began;
        self.detector.broker = self.broker.began;
        if !up || !self.detector.connected {
            if up {
                self.wake_audit();
                self.detector.look_again = Some(now + Orphans::GROWN);
            }
            self.detector.connected = up;
            self.detector.fleet.listen_anew(now);
            return self.to(ME, WATCH, Do::Watch(Watching::Silent));
        }
        if self.detector.look_again.is_some_and(|at| at <= now) {
            self.detector.look_again = None;
            self.wake_audit();
        }
        let suspects = self.detector.fleet.suspects(Duration::from_millis(SUSPECT_AFTER), now);
        if suspects.is_empty() {
            return self.to(ME, WATCH, Do::Watch(Watching::Silent));
        }
        let mut longest = 2;
        let mut answers = Vec::new();
        for name in suspects {
            let who = (0..WORKERS).find(|who| self.workers[*who].name == name);
            let life = who.and_then(|who| self.lives.get(&Actor::Worker(who)));
            let (up, frozen) = life.map_or((false, false), |life| (life.up, life.frozen));
            let lost = self.chance.permille(self.faults.lose);
            let cause = match (up, frozen || lost) {
                (false, _) => Some(LossCause::WorkerDead),
                (true, true) => Some(LossCause::WorkerFrozen),
                (true, false) => None,
            };
            if cause == Some(LossCause::WorkerFrozen) {
                longest = PING_TIMEOUT;
            }
            answers.push((name, cause));
        }
        self.to(ME, longest, Do::Watch(Watching::Answers(answers)));
    }

    fn answers(&mut self, answers: Vec<(String, Option<LossCause>)>) {
        let now = self.instant();
        for (worker, cause) in answers {
            let Some(cause) = cause else { continue };
            let fleet = &mut self.detector.fleet;
            if fleet.is_heard(&worker, Duration::from_millis(SUSPECT_AFTER), now) {
                continue;
            }
            if let Some(gone) = fleet.bury(&worker, now) {
                self.say(|| format!("detector: {worker} is lost, {cause:?}: {:?}", gone.held));
                self.wake_audit();
                let inputs = gone.inputs(cause, self.clock(ME));
                self.report_gone(inputs);
            }
        }
        self.to(ME, WATCH, Do::Watch(Watching::Silent));
    }

    fn round(&mut self) {
        let (now, seen_at) = (self.instant(), self.clock(ME));
        let mut inputs = Vec::new();
        if let Ok(state) = self.broker.queue(Self::base()) {
            let Detector { doubts, fleet, .. } = &mut self.detector;
            for served in doubts.queues() {
                for (question, finding) in doubts.judge(&served, state.as_ref(), fleet, now) {
                    inputs.extend(finding.tell(question, seen_at));
                }
            }
        }
        self.report_gone(inputs);
        self.detector.looks = !self.detector.doubts.is_empty();
        if self.detector.looks {
            self.to(ME, ROUND, Do::Watch(Watching::Round));
        }
    }

    /// Has every open run looked at: at once, or when the audit that is under way is over.
    fn wake_audit(&mut self) {
        self.detector.woken = true;
        if !self.detector.audits {
            self.detector.audit += 1;
            let audit = self.detector.audit;
            self.next(ME, Do::Watch(Watching::Audit(audit, 0)));
        }
    }

    fn audit(&mut self, audit: u64, round: u32) {
        if self.off.has(Protection::Audit) || audit != self.detector.audit {
            return;
        }
        let now = self.instant();
        if round == 0 {
            (self.detector.audits, self.detector.woken) = (true, false);
            let delay = if self.detector.fleet.knows_enough(now) { 0 } else { LISTEN };
            return self.to(ME, delay, Do::Watch(Watching::Audit(audit, 1)));
        }
        if !self.reads() {
            self.detector.audits = false;
            self.detector.audit += 1;
            let audit = self.detector.audit;
            return self.to(ME, AGAIN, Do::Watch(Watching::Audit(audit, 0)));
        }
        let again = self.look_at_runs(&self.open_runs());
        if again && round == 1 {
            return self.to(ME, MAKE_SURE, Do::Watch(Watching::Audit(audit, 2)));
        }
        self.detector.audits = false;
        self.detector.audit += 1;
        let next = Do::Watch(Watching::Audit(self.detector.audit, 0));
        let delay = if self.detector.woken { 1 } else { AUDIT_INTERVAL };
        self.to(ME, delay, next);
    }

    fn open_runs(&self) -> Vec<(RunId, RunState)> {
        self.store.open().into_iter().map(|(id, _, state)| (id, state)).collect()
    }

    fn look_at_runs(&mut self, runs: &[(RunId, RunState)]) -> bool {
        let time = (self.clock(ME), self.instant());
        let Detector { orphans, fleet, .. } = &mut self.detector;
        let mut look = Look::default();
        orphans.begin();
        for (id, state) in runs {
            orphans.look((id, state), fleet, time, &mut look);
        }
        let again = orphans.end();
        self.tell(look.inputs);
        if !look.questions.is_empty() {
            self.next(ME, Do::Watch(Watching::Ask(look.questions)));
        }
        again
    }

    fn look_at_streams(&mut self) {
        if !self.broker.up || !self.reads() {
            return;
        }
        if std::mem::take(&mut self.detector.again) {
            self.wake_audit();
        }
        let known = self.detector.streams.take().unwrap_or_else(|| self.store.streams.clone());
        let mut known = known;
        self.broker.ensure();
        let mut lost = false;
        for (name, created) in self.broker.streams.clone() {
            let Some(created) = created else { continue };
            let before = known.insert(name, created);
            if before != Some(created) {
                self.store.streams.insert(name, created);
                lost |= before.is_some();
            }
        }
        self.detector.streams = Some(known);
        if lost {
            self.say(|| "detector: a stream was lost".to_owned());
            self.wake_audit();
            self.detector.again = true;
        }
    }
}
