//! An orchestrator: the loop of `services/orchestrator`, step by step, around the decisions of the
//! engine itself (`services/deciding`).

mod claim;
mod follow;
mod parts;
mod router;
mod schedules;

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt;
use kintsugi_core::{Input, RunId, Timestamp};
use kintsugi_deciding::{
    Arrived, Decided, Incarnation, Members, Outbox, Owned, Programs, Rules, Runs, Sending, decide,
    must_wait,
};
use kintsugi_entities::{Committed, MailWaiting, PartitionRow};
use kintsugi_nats::{RunInput, ServiceBeat};

use crate::{
    broker::EVENTS,
    cast::Cast,
    store::away,
    world::{Actor, Do, ORCHESTRATORS, PARTITIONS, World},
};
use parts::Parts;
use router::Routing;
use schedules::Looked;

/// The pause after a failure of the store or the bus.
const PAUSE: u64 = 250;

/// How long a new orchestrator listens before it takes a share.
const LISTEN_FIRST: u64 = 1_200;

/// Between two beats, two looks at the share, two tries to publish.
const BEAT: u64 = 500;
const LOOK: u64 = 250;
const TRY: u64 = 200;

/// What an orchestrator does.
#[derive(Clone, Debug)]
pub(crate) enum Orchestrating {
    /// Says that it is there.
    Beat,
    /// Hears that another is there.
    Heard(String),
    /// Looks at what falls to it.
    Look,
    /// The next step of its loop.
    Step,
    /// Grants permits; which turn.
    Permits(u64),
    /// Grants these, which it found before.
    Grant(BTreeSet<String>),
    /// Tells of permits that were granted.
    Granted(Vec<RunInput>),
    /// Hears that somebody wants a permit, or gave one back.
    PermitHint,
    /// Brings published events to runs.
    Route(Routing),
    /// Looks what schedules are due; which turn.
    Schedules(u64),
    /// Moves these on.
    Due(Vec<Looked>),
    /// Tells runs that were scheduled to begin.
    Start(Vec<RunInput>),
    /// Gives permits back that did not go with their step.
    Release(Vec<String>),
}

impl Orchestrating {
    pub(crate) fn is_step(&self) -> bool {
        !matches!(self, Self::Beat | Self::Heard(_) | Self::Look | Self::PermitHint)
    }
}

/// Where its loop stands.
#[derive(Debug, Default)]
enum Phase {
    #[default]
    Claim,
    Stream(Vec<PartitionRow>),
    Rewind(Owned, Vec<(u16, i64)>, Incarnation),
    Ask(Owned),
    Read,
    /// Decided, not committed.
    Commit(Box<(Decided, Timestamp, BTreeMap<u16, i64>)>),
    /// Committed, not told.
    Tell(Box<(Outbox, Timestamp)>),
    Give(Box<(Outbox, Timestamp, Sending)>),
    Say(Box<(Outbox, Timestamp)>),
    Hint(Box<(Outbox, Timestamp)>),
}

/// Its memory, which dies with its process.
#[derive(Debug)]
pub(crate) struct Lane {
    name: String,
    starts: u32,
    members: Option<Members>,
    heard_since: u64,
    share: BTreeSet<u16>,
    claimed: BTreeSet<u16>,
    phase: Phase,
    /// It has nothing to do until something comes.
    waits: bool,
    /// What it reads: which broker, which stream, from where.
    reader: (u64, Option<u64>, u64),
    runs: Runs,
    programs: Programs,
    owned: Owned,
    memory: String,
    unfinished: Vec<RunId>,
    mail: BTreeSet<RunId>,
    parts: Parts,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            name: String::new(),
            starts: 0,
            members: None,
            heard_since: 0,
            share: BTreeSet::new(),
            claimed: BTreeSet::new(),
            phase: Phase::Claim,
            waits: false,
            reader: (0, None, 0),
            runs: Runs::new(100),
            programs: Programs::new(100),
            owned: Owned::default(),
            memory: String::new(),
            unfinished: Vec::new(),
            mail: BTreeSet::new(),
            parts: Parts::default(),
        }
    }
}

fn step() -> Do {
    Do::Orchestrate(Orchestrating::Step)
}

impl World {
    pub(crate) fn start_orchestrator(&mut self, who: usize) {
        let starts = self.lanes[who].starts + 1;
        let name = format!("o{who}-{starts}");
        let members = Some(Members::new(name.clone()));
        let heard_since = self.now;
        self.lanes[who] = Lane { name, starts, members, heard_since, ..Lane::default() };
        let me = Actor::Orchestrator(who);
        self.to(me, 0, Do::Orchestrate(Orchestrating::Beat));
        let delay = self.chance.below(LOOK);
        self.to(me, delay, Do::Orchestrate(Orchestrating::Look));
        self.lanes[who].waits = true;
    }

    pub(crate) fn orchestrate(&mut self, who: usize, what: Orchestrating) {
        let me = Actor::Orchestrator(who);
        match what {
            Orchestrating::Beat => {
                let name = self.lanes[who].name.clone();
                for other in 0..ORCHESTRATORS {
                    let heard = Orchestrating::Heard(name.clone());
                    self.send(Actor::Orchestrator(other), Do::Orchestrate(heard));
                }
                self.to(me, BEAT, Do::Orchestrate(Orchestrating::Beat));
            }
            Orchestrating::Heard(instance) => {
                let now = self.instant();
                let service = "orchestrator".to_owned();
                let beat = ServiceBeat {
                    service,
                    instance,
                    pid: 1,
                    ready: true,
                    ..ServiceBeat::default()
                };
                if let Some(members) = &mut self.lanes[who].members {
                    members.heard(&beat, now);
                }
            }
            Orchestrating::Look => {
                self.look(who);
                self.to(me, LOOK, Do::Orchestrate(Orchestrating::Look));
            }
            Orchestrating::Step => self.lane_step(who),
            Orchestrating::Permits(number) => self.permits(who, number),
            Orchestrating::Grant(free) => self.grant(who, &free),
            Orchestrating::Granted(told) => self.tell_granted(who, told),
            Orchestrating::Schedules(number) => self.schedules(who, number),
            Orchestrating::Due(looked) => self.schedule_due(who, looked),
            Orchestrating::Start(starts) => {
                self.publish_inputs(starts);
            }
            Orchestrating::Route(what) => self.route(who, what),
            Orchestrating::PermitHint => self.hear_permits(who),
            Orchestrating::Release(ids) => {
                self.store.permits.retain(|id, _| !ids.contains(id));
            }
        }
    }

    fn look(&mut self, who: usize) {
        let (now, instant) = (self.now, self.instant());
        let lane = &mut self.lanes[who];
        if !self.broker.up {
            lane.heard_since = now;
        }
        if now - lane.heard_since < LISTEN_FIRST {
            return;
        }
        let share = lane.members.as_mut().map(|members| members.share(PARTITIONS, instant));
        lane.share = share.unwrap_or_default();
        if lane.share != lane.claimed {
            self.wake_lane(who);
        }
        if self.cast != Cast::Few {
            self.look_at_parts(who);
        }
    }

    fn wake_lane(&mut self, who: usize) {
        if std::mem::take(&mut self.lanes[who].waits) {
            self.next(Actor::Orchestrator(who), step());
        }
    }

    pub(crate) fn wake_lanes(&mut self) {
        for who in 0..ORCHESTRATORS {
            self.wake_lane(who);
        }
    }

    /// Something failed, or partitions are another's: claim anew.
    fn pause(&mut self, who: usize, why: &str) {
        let name = self.lanes[who].name.clone();
        self.say(|| format!("{name} pauses: {why}"));
        self.lanes[who].phase = Phase::Claim;
        self.to(Actor::Orchestrator(who), PAUSE, step());
    }

    fn lane_step(&mut self, who: usize) {
        let phase = std::mem::take(&mut self.lanes[who].phase);
        let next = match phase {
            Phase::Claim => self.claim(who),
            Phase::Stream(rows) => self.streams_for(who, &rows),
            Phase::Rewind(owned, stale, stream) => {
                let (happens, answered) = self.transaction();
                let done = !happens || self.store.rewind(&stale, &stream.created).is_ok();
                (done && answered).then_some(Phase::Ask(owned)).ok_or("cannot rewind")
            }
            Phase::Ask(owned) => self.ask_unsaid(who, owned),
            Phase::Read => match self.read(who) {
                Ok(Some(phase)) => Ok(phase),
                Ok(None) => {
                    self.lanes[who].phase = Phase::Read;
                    self.lanes[who].waits = true;
                    return;
                }
                Err(why) => Err(why),
            },
            Phase::Commit(decided) => self.commit(who, *decided),
            Phase::Tell(told) => {
                let (mut outbox, time) = *told;
                let inputs = std::mem::take(&mut outbox.inputs);
                self.publish_inputs(inputs);
                Ok(Phase::Give(Box::new((outbox, time, Sending::new(time)))))
            }
            Phase::Give(given) => {
                let (outbox, time, sending) = *given;
                let (phase, delay) = self.give(who, (outbox, time, sending));
                self.lanes[who].phase = phase;
                return self.to(Actor::Orchestrator(who), delay, step());
            }
            Phase::Say(told) => {
                let (mut outbox, time) = *told;
                self.say_events(std::mem::take(&mut outbox.events), true);
                Ok(Phase::Hint(Box::new((outbox, time))))
            }
            Phase::Hint(told) => {
                self.hint(*told);
                Ok(Phase::Read)
            }
        };
        match next {
            Ok(phase) => {
                self.lanes[who].phase = phase;
                self.next(Actor::Orchestrator(who), step());
            }
            Err(why) => self.pause(who, why),
        }
    }

    /// Takes what waits, and decides; none: nothing does.
    fn read(&mut self, who: usize) -> Result<Option<Phase>, &'static str> {
        let most = usize::try_from(self.chance.between(1, 16)).unwrap_or(1);
        let lane = &mut self.lanes[who];
        if lane.share != lane.claimed {
            return Ok(Some(Phase::Claim));
        }
        if lane.claimed.is_empty() {
            return Ok(None);
        }
        let (began, created, from) = lane.reader;
        if !self.broker.up {
            return Ok(None);
        }
        if began != self.broker.began || created != self.broker.created(EVENTS) {
            return Err("reading events anew");
        }
        let (mut inputs, mut positions) = (Vec::new(), BTreeMap::new());
        let mut taken = 0;
        for message in self.broker.events.iter().filter(|message| message.seq >= from).take(most) {
            lane.reader.2 = message.seq + 1;
            taken += 1;
            let seq = i64::try_from(message.seq).unwrap_or(i64::MAX);
            if lane.owned.is_new(message.partition, seq) {
                positions.insert(message.partition, seq);
                inputs.extend(message.inputs.clone());
            }
        }
        if taken == 0 && lane.unfinished.is_empty() && lane.mail.is_empty() {
            return Ok(None);
        }
        for run in std::mem::take(&mut lane.unfinished) {
            inputs.push(RunInput { run, input: Input::Tick });
        }
        let time = self.clock(Actor::Orchestrator(who));
        self.store.fails = !self.reads();
        let decided = self.decided(who, inputs, time)?;
        Ok(Some(Phase::Commit(Box::new((decided, time, positions)))))
    }

    fn decided(
        &mut self,
        who: usize,
        mut inputs: Vec<RunInput>,
        time: Timestamp,
    ) -> Result<Decided, &'static str> {
        let lane = &mut self.lanes[who];
        let mut mail = std::mem::take(&mut lane.mail);
        inputs.retain(|RunInput { run, input }| {
            let is_mail = matches!(input, Input::Mail);
            if is_mail {
                mail.insert(run.clone());
            }
            !is_mail
        });
        mail.retain(|run| lane.runs.get(run).is_none_or(|run| !must_wait(&run.state)));
        let mail: Vec<RunId> = mail.into_iter().collect();
        let MailWaiting { rows: events, .. } = self.store.mail_waiting(&mail);
        let rules = Rules { partitions: PARTITIONS, depth_max: 32, children_max: 1_000 };
        let (known, told) = ((&mut lane.runs, &mut lane.programs), Arrived { inputs, events });
        let decided = decide(&self.store, known, told, (rules, false), time).now_or_never();
        decided.unwrap_or_else(|| Err(away())).map_err(|_| "cannot load runs")
    }

    fn commit(
        &mut self,
        who: usize,
        (mut decided, time, positions): (Decided, Timestamp, BTreeMap<u16, i64>),
    ) -> Result<Phase, &'static str> {
        self.figures.rejected += decided.rejected.len() as u64;
        let all = self.lanes[who].owned.after(&positions);
        let batch = &mut decided.batch;
        if !(batch.runs.is_empty() && batch.mail.is_empty() && batch.requests_taken.is_empty()) {
            batch.positions = self.lanes[who].owned.fenced(&all);
            let (happens, answered) = self.transaction();
            let done = if happens { self.store.commit(batch) } else { Committed::Done };
            if happens && done == Committed::Done {
                // Whether or not its writer hears so.
                self.look_at_holders(&decided.batch);
                self.look_at_emitted(&decided.batch);
            }
            match done {
                Committed::Fenced => {
                    self.figures.fenced += 1;
                    return Err("another owns its partitions");
                }
                Committed::Conflict(_) => {
                    self.figures.conflicts += 1;
                    return Err("runs were written by another");
                }
                Committed::Done if !answered => return Err("the commit was not answered"),
                Committed::Done => {
                    self.say_changes(who, &decided);
                    self.release_permits(who, &decided);
                }
            }
        }
        self.lanes[who].owned.positions = all;
        Ok(Phase::Tell(Box::new((self.follow(who, decided, time), time))))
    }
}
