//! Who is there and holds what, from heartbeats. No IO.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use kintsugi_core::{Input, LossCause, RunId, TaskKey, Timestamp};
use kintsugi_nats::{Heartbeat, Lease, RunInput};

use crate::zombies::{Taken, Zombie};

/// After this long of listening, what no worker claims is claimed by none: three heartbeats and
/// a good margin.
const HEARD_ENOUGH: Duration = Duration::from_secs(2);

/// For how long a dead worker may be what swallowed an attempt: until the broker would deliver it
/// again by itself.
const MOURNED: Duration = Duration::from_secs(60);

/// How much is kept that runs could not be told.
const UNTOLD_MAX: usize = 10_000;

/// An attempt that a worker holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its run.
    pub run: RunId,
    /// Number of the task.
    pub task: u64,
    /// Its epoch.
    pub epoch: u64,
    /// Of all that went with the worker, it alone had seen the most workers die before.
    pub blamed: bool,
}

/// A worker and its leases that will give no result any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its name.
    pub worker: String,
    /// What it held.
    pub held: Vec<Held>,
}

impl Gone {
    /// What the runs are told.
    #[must_use]
    pub fn inputs(&self, cause: LossCause, seen_at: Timestamp) -> Vec<RunInput> {
        let mut seen = HashSet::new();
        let held = self.held.iter().filter(|held| seen.insert((&held.run, held.task)));
        let inputs = held.map(|held| {
            let worker = Some(self.worker.clone());
            let (task, epoch) = (held.task, held.epoch);
            let blamed = Some(held.blamed);
            let input = Input::Lost { task, epoch, cause, worker, seen_at, blamed };
            RunInput { run: held.run.clone(), input }
        });
        inputs.collect()
    }
}

/// A worker that died lately. It may have taken attempts that no heartbeat told of.
#[derive(Debug)]
struct Ghost {
    worker: String,
    died: Instant,
    concurrency: u64,
    queues: Vec<(String, String)>,
}

#[derive(Debug)]
struct Member {
    concurrency: u64,
    incarnation: String,
    heard: Instant,
    leases: Vec<Lease>,
    queues: Vec<(String, String)>,
}

/// Every worker that was heard of lately.
#[derive(Debug)]
pub struct Fleet {
    since: Instant,
    members: BTreeMap<String, Member>,
    leases: HashMap<(String, u64), (String, Timestamp)>,
    ghosts: Vec<Ghost>,
    untold: Vec<RunInput>,
    taken: Taken,
}

impl Fleet {
    /// Knows nobody, and listens since `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            members: BTreeMap::new(),
            leases: HashMap::new(),
            ghosts: Vec::new(),
            untold: Vec::new(),
            taken: Taken::default(),
        }
    }

    /// Keeps what runs could not be told now. Of a broker that is away for long, what is more is found
    /// by looking at every open run.
    pub fn keep(&mut self, inputs: Vec<RunInput>) {
        let room = UNTOLD_MAX.saturating_sub(self.untold.len());
        self.untold.extend(inputs.into_iter().take(room));
    }

    /// What was kept, to be told now.
    pub fn untold(&mut self) -> Vec<RunInput> {
        std::mem::take(&mut self.untold)
    }

    /// Whether it has listened for long enough to say that nobody holds something.
    #[must_use]
    pub fn knows_enough(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= HEARD_ENOUGH
    }

    /// Silence says nothing about workers while the connection to the broker was gone: everyone
    /// gets the benefit of the doubt again.
    pub fn listen_anew(&mut self, now: Instant) {
        self.since = now;
        for member in self.members.values_mut() {
            member.heard = now;
        }
    }

    /// Notes a heartbeat. Gives what an earlier process of the same name held, and what a worker
    /// that stops in good order left behind. What was taken from it is first to be refused
    /// ([`Self::refuse`]).
    pub fn heard(&mut self, beat: Heartbeat, now: Instant) -> Option<Gone> {
        let known = self.members.get(&beat.worker);
        let restarted = known.is_some_and(|known| known.incarnation != beat.incarnation);
        let gone = if restarted { self.bury(&beat.worker, now) } else { None };
        if beat.stopping && beat.leases.is_empty() {
            self.remove(&beat.worker);
            return gone;
        }
        if let Some(known) = self.members.get(&beat.worker) {
            for lease in &known.leases {
                self.leases.remove(&(lease.task.clone(), lease.epoch));
            }
        }
        for lease in &beat.leases {
            let key = (lease.task.clone(), lease.epoch);
            self.leases.insert(key, (beat.worker.clone(), lease.since));
        }
        let queues = beat.types.into_iter().map(|served| (served.queue, served.task_type));
        let member = Member {
            concurrency: u64::from(beat.concurrency),
            incarnation: beat.incarnation,
            heard: now,
            leases: beat.leases,
            queues: queues.collect(),
        };
        self.members.insert(beat.worker, member);
        gone
    }

    /// Takes out of a heartbeat what was taken from its worker, and gives it.
    #[must_use]
    pub fn refuse(&self, beat: &mut Heartbeat) -> Vec<Zombie> {
        self.taken.refuse(beat)
    }

    /// An attempt was taken from whoever has it: what is said of it counts no more.
    pub fn take(&mut self, task: String, epoch: u64) {
        self.leases.remove(&(task.clone(), epoch));
        self.taken.note(task, epoch);
    }

    /// Whether everyone who serves a queue and type was heard of since then.
    #[must_use]
    pub fn all_heard_since(&self, queue: &str, task_type: &str, since: Instant) -> bool {
        self.serving(queue, task_type).all(|(_, member)| member.heard > since)
    }

    /// Who serves a queue and type.
    #[must_use]
    pub fn names_for(&self, queue: &str, task_type: &str) -> Vec<String> {
        self.serving(queue, task_type).map(|(name, _)| name.clone()).collect()
    }

    fn serving(&self, queue: &str, task_type: &str) -> impl Iterator<Item = (&String, &Member)> {
        let serves =
            move |member: &Member| member.queues.iter().any(|(q, t)| q == queue && t == task_type);
        self.members.iter().filter(move |(_, member)| serves(member))
    }

    /// Workers that were not heard of for `silence`.
    #[must_use]
    pub fn suspects(&self, silence: Duration, now: Instant) -> Vec<String> {
        let silent = |member: &Member| now.duration_since(member.heard) >= silence;
        let members = self.members.iter().filter(|(_, member)| silent(member));
        members.map(|(name, _)| name.clone()).collect()
    }

    /// How long no worker will have been silent for `silence`, whoever else comes; none: none is there.
    #[must_use]
    pub fn quiet_for(&self, silence: Duration, now: Instant) -> Option<Duration> {
        let first = self.members.values().map(|member| member.heard).min()?;
        Some((first + silence).saturating_duration_since(now))
    }

    /// Whether a worker was heard of within `silence`.
    #[must_use]
    pub fn is_heard(&self, worker: &str, silence: Duration, now: Instant) -> bool {
        let member = self.members.get(worker);
        member.is_some_and(|member| now.duration_since(member.heard) < silence)
    }

    /// Takes a worker out, and gives what it held.
    pub fn remove(&mut self, worker: &str) -> Option<Gone> {
        let member = self.members.remove(worker)?;
        for lease in &member.leases {
            self.leases.remove(&(lease.task.clone(), lease.epoch));
        }
        let most = member.leases.iter().map(|lease| lease.crashes).max().unwrap_or(0);
        let alone = member.leases.iter().filter(|lease| lease.crashes == most).count() == 1;
        let held = member.leases.iter().filter_map(|lease| {
            let key = TaskKey::parse(&lease.task).ok()?;
            let blamed = alone && lease.crashes == most;
            Some(Held { run: key.run, task: key.task, epoch: lease.epoch, blamed })
        });
        Some(Gone { worker: worker.to_owned(), held: held.collect() })
    }

    /// Takes a worker out that died, and remembers it for a while.
    pub fn bury(&mut self, worker: &str, now: Instant) -> Option<Gone> {
        let member = self.members.get(worker)?;
        let (concurrency, queues) = (member.concurrency, member.queues.clone());
        self.ghosts.retain(|ghost| now.duration_since(ghost.died) < MOURNED);
        self.ghosts.push(Ghost { worker: worker.to_owned(), died: now, concurrency, queues });
        let gone = self.remove(worker)?;
        for held in &gone.held {
            self.taken.note(format!("{}:{}", held.run, held.task), held.epoch);
        }
        Some(gone)
    }

    /// How many attempts of a queue and type may have gone with workers that died lately, and the
    /// last of those workers.
    #[must_use]
    pub fn ghosts(&self, queue: &str, task_type: &str, now: Instant) -> (u64, Option<String>) {
        let died = self.ghosts.iter().filter(|ghost| {
            now.duration_since(ghost.died) < MOURNED
                && ghost.queues.iter().any(|(q, t)| q == queue && t == task_type)
        });
        let (count, last) = died
            .fold((0, None), |(count, _), ghost| (count + ghost.concurrency, Some(&ghost.worker)));
        (count, last.cloned())
    }

    /// Who holds an attempt, and since when.
    #[must_use]
    pub fn holder(&self, run: &RunId, task: u64, epoch: u64) -> Option<&(String, Timestamp)> {
        self.leases.get(&(format!("{run}:{task}"), epoch))
    }

    /// How many attempts are held by workers of a queue and type. Workers that serve several count
    /// with all that they hold: too many only means that a lost message is found later.
    #[must_use]
    pub fn held_for(&self, queue: &str, task_type: &str) -> usize {
        self.serving(queue, task_type).map(|(_, member)| member.leases.len()).sum()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use kintsugi_nats::Served;

    use super::*;

    pub(crate) fn beat(worker: &str, incarnation: &str, tasks: &[&str]) -> Heartbeat {
        let lease = |task: &&str| Lease {
            task: (*task).to_owned(),
            epoch: 1,
            since: Timestamp(0),
            crashes: 0,
            progress: None,
            progress_at: None,
        };
        Heartbeat {
            worker: worker.to_owned(),
            incarnation: incarnation.to_owned(),
            pid: 1,
            host: "here".to_owned(),
            version: "0".to_owned(),
            types: vec![Served::new("default", "t")],
            concurrency: 1,
            started_at: Timestamp(0),
            at: Timestamp(0),
            targets: Vec::new(),
            leases: tasks.iter().map(lease).collect(),
            stopping: false,
        }
    }

    fn anew() -> (Fleet, Instant) {
        let now = Instant::now();
        (Fleet::new(now), now)
    }

    #[test]
    fn a_silent_worker_is_suspected_and_its_leases_are_known() {
        let (mut fleet, now) = anew();
        fleet.heard(beat("w", "a", &["r:1"]), now);
        assert!(fleet.suspects(Duration::from_secs(1), now).is_empty());
        let (later, silence) = (now + Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!(fleet.quiet_for(silence, now), Some(Duration::from_secs(1)));
        assert_eq!(fleet.quiet_for(silence, later), Some(Duration::ZERO));
        assert_eq!(fleet.suspects(silence, later), ["w"]);
        assert_eq!(fleet.remove("w").unwrap().held.len(), 1);
        assert!(fleet.holder(&RunId::parse("r").unwrap(), 1, 1).is_none());
    }

    #[test]
    fn a_death_is_laid_at_the_door_of_the_one_that_saw_the_most() {
        let (mut fleet, now) = anew();
        let mut blamed = |crashes: &[u32]| {
            let names: Vec<String> = (0..crashes.len()).map(|n| format!("r:{n}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut beat = beat("w", "a", &names);
            for (lease, crashes) in beat.leases.iter_mut().zip(crashes) {
                lease.crashes = *crashes;
            }
            fleet.heard(beat, now);
            let held = fleet.remove("w").unwrap().held;
            held.iter().map(|held| held.blamed).collect::<Vec<_>>()
        };
        assert_eq!(blamed(&[0]), [true], "nothing else was there");
        assert_eq!(blamed(&[0, 0]), [false, false], "it may have been either");
        assert_eq!(blamed(&[0, 2, 1]), [false, true, false]);
        assert_eq!(blamed(&[2, 2, 1]), [false, false, false]);
    }

    #[test]
    fn a_restarted_worker_gives_up_what_it_held() {
        let (mut fleet, now) = anew();
        fleet.heard(beat("w", "a", &["r:1"]), now);
        let gone = fleet.heard(beat("w", "b", &[]), now).unwrap();
        assert_eq!(gone.held[0].task, 1);
        assert!(fleet.heard(beat("w", "b", &["r:2"]), now).is_none());
        assert!(fleet.holder(&RunId::parse("r").unwrap(), 2, 1).is_some());
    }

    #[test]
    fn who_comes_back_gets_nothing_back() {
        let (mut fleet, now) = anew();
        fleet.heard(beat("w", "a", &["r:1"]), now);
        fleet.bury("w", now);
        let mut beat = beat("w", "a", &["r:1", "r:2"]);
        let zombies = fleet.refuse(&mut beat);
        assert!(fleet.heard(beat, now).is_none() && zombies.len() == 1, "{zombies:?}");
        assert_eq!((zombies[0].task.as_str(), zombies[0].epoch), ("r:1", 1));
        let run = RunId::parse("r").unwrap();
        assert!(fleet.holder(&run, 1, 1).is_none() && fleet.holder(&run, 2, 1).is_some());
    }
}
