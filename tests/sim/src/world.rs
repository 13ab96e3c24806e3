//! The world: a clock, a queue of what is to happen, and those to whom it happens.

mod means;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    sync::Arc,
    time::Instant,
};

use kintsugi_promises::{Breach, Execution};

use crate::{
    broker::Broker,
    cast::Cast,
    chance::Chance,
    definitions::Definitions,
    detector::{Detector, Watching},
    faults::{Blow, Faults},
    figures::Figures,
    gateway::{Asking, Gateway},
    off::{Off, Protection},
    orchestrator::{Lane, Orchestrating},
    retry::{Retry, Retrying},
    store::Store,
    verdict::Emitted,
    worker::{Worker, Working},
};

/// When simulated time begins, in milliseconds of the epoch.
const BASE: i64 = 1_800_000_000_000;

/// Partitions of the events.
pub(crate) const PARTITIONS: u16 = 4;

/// Orchestrators, and workers.
pub(crate) const ORCHESTRATORS: usize = 2;
pub(crate) const WORKERS: usize = 3;

/// How long the broker waits for the answer to a delivery, in milliseconds.
pub(crate) const ACK_WAIT: u64 = 30_000;

/// Somebody who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Actor {
    Orchestrator(usize),
    Worker(usize),
    Detector,
    Retry,
    Gateway,
}

/// What somebody is to do.
#[derive(Clone, Debug)]
pub(crate) enum Do {
    Orchestrate(Orchestrating),
    Work(Working),
    Watch(Watching),
    Retry(Retrying),
    Ask(Asking),
}

/// What happens.
#[derive(Debug)]
enum Event {
    /// An actor, in one of its lives, does something.
    To(Actor, u32, Do),
    Restart(Actor),
    Thaw(Actor, u32),
    /// The broker's patience with a delivery is over.
    Expire(u64),
    /// The same, of a published event.
    ExpireSaid(u64),
    Blow(Blow),
    BrokerUp(u64),
    /// Nothing breaks any more.
    Calm,
}

#[derive(Debug)]
struct Entry {
    at: u64,
    number: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest, as the heap wants it.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// What is known of an actor's process.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) number: u32,
    pub(crate) up: bool,
    pub(crate) frozen: bool,
    parked: Vec<Do>,
    skew: i64,
}

/// Everything.
pub(crate) struct World {
    pub(crate) chance: Chance,
    pub(crate) now: u64,
    began: Instant,
    queue: BinaryHeap<Entry>,
    number: u64,
    pub(crate) faults: Faults,
    pub(crate) is_calm: bool,
    pub(crate) cast: Cast,
    pub(crate) off: Off,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    pub(crate) lives: BTreeMap<Actor, Life>,
    pub(crate) lanes: [Lane; ORCHESTRATORS],
    pub(crate) workers: [Worker; WORKERS],
    /// Workers that asked for a task, with their lives.
    pub(crate) pulls: VecDeque<(usize, u32)>,
    pub(crate) detector: Detector,
    pub(crate) retry: Retry,
    pub(crate) gateway: Gateway,
    pub(crate) ledger: Vec<Execution>,
    pub(crate) figures: Figures,
    /// What runs emitted.
    pub(crate) emitted: Vec<Emitted>,
    /// What was seen to be broken on the way.
    pub(crate) breaches: Vec<Breach>,
    /// What happened, in words; none: nobody reads it.
    pub(crate) trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(
        seed: u64,
        definitions: &Arc<Definitions>,
        (cast, off): (Cast, &Off),
        traced: bool,
    ) -> Self {
        let mut chance = Chance::new(seed);
        let faults = Faults::new(&mut chance, cast);
        let began = Instant::now();
        let store = Store::new(Arc::clone(definitions), off.clone(), PARTITIONS);
        let mut world = Self {
            gateway: Gateway::new(&mut chance, definitions, cast),
            chance,
            now: 1,
            began,
            queue: BinaryHeap::new(),
            number: 0,
            faults,
            is_calm: false,
            cast,
            off: off.clone(),
            definitions: Arc::clone(definitions),
            store,
            broker: Broker::new(),
            lives: BTreeMap::new(),
            lanes: Default::default(),
            workers: Default::default(),
            pulls: VecDeque::new(),
            detector: Detector::new(began),
            retry: Retry::default(),
            ledger: Vec::new(),
            figures: Figures::default(),
            emitted: Vec::new(),
            breaches: Vec::new(),
            trace: traced.then(Vec::new),
        };
        world.broker.repeats = off.has(Protection::MsgId);
        world.begin();
        world
    }

    fn begin(&mut self) {
        let mut actors = vec![Actor::Detector, Actor::Retry, Actor::Gateway];
        actors.extend((0..ORCHESTRATORS).map(Actor::Orchestrator));
        actors.extend((0..WORKERS).map(Actor::Worker));
        for actor in actors {
            let off = i64::try_from(self.chance.below(2 * self.faults.skew + 1)).unwrap_or(0);
            let skew = off - i64::try_from(self.faults.skew).unwrap_or(0);
            self.lives.insert(actor, Life { skew, ..Life::default() });
            self.restart(actor);
        }
        for (at, blow) in self.faults.blows.clone() {
            self.later(at, Event::Blow(blow));
        }
        self.later(self.faults.until, Event::Calm);
    }

    /// Does what comes next; `false`: nothing ever happens again.
    pub(crate) fn step(&mut self) -> bool {
        let Some(Entry { at, event, .. }) = self.queue.pop() else { return false };
        self.now = self.now.max(at);
        self.figures.events += 1;
        match event {
            Event::To(actor, life, what) => self.dispatch(actor, life, what),
            Event::Restart(actor) => self.restart(actor),
            Event::Thaw(actor, life) => self.thaw(actor, life),
            Event::Expire(seq) => {
                self.broker.expire(seq, self.now);
                self.hand_out();
            }
            Event::ExpireSaid(seq) => {
                self.broker.expire_said(seq, self.now);
                self.wake_routers();
            }
            Event::Blow(blow) => self.blow(blow),
            Event::BrokerUp(power) => {
                self.broker.restart(self.now, power);
                self.say(|| "broker is back".to_owned());
                self.wake_lanes();
                self.wake_routers();
                self.hand_out();
            }
            Event::Calm => self.calm(),
        }
        true
    }

    fn dispatch(&mut self, actor: Actor, life: u32, what: Do) {
        let Some(known) = self.lives.get_mut(&actor) else { return };
        if known.number != life || !known.up {
            return;
        }
        if known.frozen {
            return known.parked.push(what);
        }
        if !self.is_calm && what.is_step() {
            if self.chance.permille(self.faults.kill) {
                self.say(|| format!("{actor:?} is killed before {what:?}"));
                return self.kill(actor);
            }
            if self.chance.permille(self.faults.freeze) {
                self.say(|| format!("{actor:?} is frozen before {what:?}"));
                self.freeze(actor);
                if let Some(known) = self.lives.get_mut(&actor) {
                    known.parked.push(what);
                }
                return;
            }
        }
        match (actor, what) {
            (Actor::Orchestrator(who), Do::Orchestrate(what)) => self.orchestrate(who, what),
            (Actor::Worker(who), Do::Work(what)) => self.work(who, what),
            (Actor::Detector, Do::Watch(what)) => self.watch(what),
            (Actor::Retry, Do::Retry(what)) => self.retry(what),
            (Actor::Gateway, Do::Ask(what)) => self.ask(what),
            (actor, what) => unreachable!("{actor:?} cannot {what:?}"),
        }
    }

    fn kill(&mut self, actor: Actor) {
        let Some(life) = self.lives.get_mut(&actor) else { return };
        life.number += 1;
        (life.up, life.frozen) = (false, false);
        life.parked.clear();
        self.figures.fault("killed");
        if let Actor::Worker(who) = actor {
            self.pulls.retain(|(of, _)| *of != who);
        }
        let away = if self.chance.below(10) == 0 { 8_000 } else { 1_500 };
        let away = self.chance.between(50, away);
        self.later(away, Event::Restart(actor));
    }

    fn freeze(&mut self, actor: Actor) {
        let away = self.chance.between(100, 9_000);
        let Some(life) = self.lives.get_mut(&actor) else { return };
        life.frozen = true;
        let number = life.number;
        self.figures.fault("frozen");
        self.later(away, Event::Thaw(actor, number));
    }

    fn thaw(&mut self, actor: Actor, number: u32) {
        let Some(life) = self.lives.get_mut(&actor) else { return };
        if life.number != number || !life.frozen {
            return;
        }
        life.frozen = false;
        let parked = std::mem::take(&mut life.parked);
        self.say(|| format!("{actor:?} is thawed"));
        for what in parked {
            self.to(actor, 0, what);
        }
    }

    fn restart(&mut self, actor: Actor) {
        let Some(life) = self.lives.get_mut(&actor) else { return };
        life.up = true;
        self.say(|| format!("{actor:?} starts"));
        match actor {
            Actor::Orchestrator(who) => self.start_orchestrator(who),
            Actor::Worker(who) => self.start_worker(who),
            Actor::Detector => self.start_detector(),
            Actor::Retry => self.start_retry(),
            Actor::Gateway => self.start_gateway(),
        }
    }

    fn blow(&mut self, blow: Blow) {
        self.say(|| format!("{blow:?}"));
        match blow {
            Blow::Stream(name) => {
                self.figures.fault("stream lost");
                self.broker.lose(name);
                if self.chance.below(2) == 0 {
                    self.send(Actor::Detector, Do::Watch(Watching::Streams(true)));
                }
            }
            Blow::Broker(away, power) => {
                let name = if power > 0 { "broker lost power" } else { "broker killed" };
                self.figures.fault(name);
                self.broker.up = false;
                self.later(away, Event::BrokerUp(power));
            }
            Blow::Clock(who, skew) => {
                let at = usize::try_from(who).unwrap_or(0) % self.lives.len();
                self.figures.fault("clock set");
                if let Some(life) = self.lives.values_mut().nth(at) {
                    life.skew = skew;
                }
            }
        }
    }

    fn calm(&mut self) {
        self.say(|| "calm: nothing breaks any more".to_owned());
        self.is_calm = true;
        self.faults.calm();
    }
}

impl Do {
    /// Whether it is a step of something, before which a process may die; not a mere beat.
    fn is_step(&self) -> bool {
        match self {
            Self::Orchestrate(what) => what.is_step(),
            Self::Work(what) => what.is_step(),
            Self::Watch(what) => what.is_step(),
            Self::Retry(what) => what.is_step(),
            Self::Ask(_) => true,
        }
    }
}
