use super::*;

/// Four workers, each with 16 slots, whose tasks take a second and call something that may be down.
struct World {
    circuits: Circuits<Kind>,
    now: Instant,
    samples: Vec<Vec<Tally>>,
    calls: u64,
}

const WORKERS: usize = 4;
const SLOTS: u32 = 16;

fn kind() -> Kind {
    ("default".to_owned(), "t".to_owned())
}

impl World {
    fn new() -> Self {
        let samples = vec![vec![Tally::default()]; WORKERS];
        Self { circuits: Circuits::new(0), now: Instant::now(), samples, calls: 0 }
    }

    /// A second passes, in which each worker finishes what it may hold.
    fn second(&mut self, up: bool) -> Vec<Turn<Kind>> {
        self.mixed(|_| up)
    }

    fn mixed(&mut self, up: impl Fn(usize) -> bool) -> Vec<Turn<Kind>> {
        self.now += Duration::from_secs(1);
        for (n, samples) in self.samples.iter_mut().enumerate() {
            let limit = self.circuits.bound(&format!("w{n}"), &kind());
            let done = u64::from(limit.map_or(SLOTS, |bound| bound.slots.min(SLOTS)));
            self.calls += done;
            let last = samples.last().copied().unwrap_or_default();
            let brought = if up(n) {
                Tally { well: done, badly: 0, tasks: 0 }
            } else {
                Tally { well: 0, badly: done, tasks: done }
            };
            samples.push(last.plus(brought));
        }
        let serving = self.samples.iter().enumerate().map(|(n, samples)| {
            let all = samples.last().copied().unwrap_or_default();
            let back = samples[samples.len().saturating_sub(3)];
            Serving {
                worker: format!("w{n}"),
                all,
                lately: all.since(back),
                busy_until: None,
                told: None,
            }
        });
        let fleet = BTreeMap::from([(kind(), serving.collect())]);
        self.circuits.round(&fleet, self.now)
    }
}

#[test]
fn five_minutes_down_cost_less_than_a_hundredth_of_the_calls_and_then_all_is_as_before() {
    let mut world = World::new();
    for _ in 0..20 {
        assert_eq!(world.second(true), []);
    }
    let before = world.calls;
    let mut opened = 0;
    for _ in 0..300 {
        let turns = world.second(false);
        opened +=
            turns.iter().filter(|turn| matches!(turn, Turn::Opened { again: false, .. })).count();
    }
    let (cost, normal) = (world.calls - before, 300 * WORKERS as u64 * u64::from(SLOTS));
    assert_eq!(opened, 1);
    assert!(cost < normal / 100, "{cost} calls of {normal}");
    let mut seconds = 0;
    while world.circuits.bound("w0", &kind()).is_some() {
        world.second(true);
        seconds += 1;
        assert!(seconds <= 30, "not back after 30 s");
    }
    let before = world.calls;
    world.second(true);
    assert_eq!(world.calls - before, WORKERS as u64 * u64::from(SLOTS));
}

#[test]
fn a_quarter_that_fails_is_no_outage() {
    let mut world = World::new();
    for round in 0..100 {
        assert_eq!(world.mixed(|worker| worker > 0), [], "{round}");
    }
    assert!(!world.mixed(|worker| worker > 2).is_empty(), "three quarters are one");
}

#[test]
fn a_canary_that_dies_is_followed_by_another() {
    let mut world = World::new();
    for _ in 0..3 {
        world.second(false);
    }
    let canary = |world: &World| {
        let may = |n: &usize| {
            world.circuits.bound(&format!("w{n}"), &kind()).is_some_and(|bound| bound.slots == 1)
        };
        (0..WORKERS).find(may)
    };
    let serving = |names: &[usize]| {
        let one = |n: &usize| Serving {
            worker: format!("w{n}"),
            all: Tally { well: 0, badly: 9, tasks: 9 },
            lately: Tally::default(),
            busy_until: None,
            told: None,
        };
        BTreeMap::from([(kind(), names.iter().map(one).collect::<Vec<_>>())])
    };
    world.now += Duration::from_secs(20);
    world.circuits.round(&serving(&[0, 1]), world.now);
    let first = canary(&world).unwrap();
    world.circuits.round(&serving(&[1 - first]), world.now);
    assert_eq!(canary(&world), Some(1 - first));
}

#[test]
fn what_asks_to_be_left_alone_is() {
    let (mut circuits, now) = (Circuits::new(0), Instant::now());
    let target = Target("shop:80".to_owned());
    let fleet = |badly, busy_for: u64| {
        let serving = Serving {
            worker: "w0".to_owned(),
            all: Tally { well: 0, badly, tasks: badly },
            lately: Tally::default(),
            busy_until: Some(now + Duration::from_secs(busy_for)),
            told: None,
        };
        BTreeMap::from([(target.clone(), vec![serving])])
    };
    circuits.round(&fleet(0, 0), now);
    circuits.round(&fleet(5, 60), now);
    let tries = |circuits: &mut Circuits<Target>, seconds| {
        circuits.round(&fleet(5, 60), now + Duration::from_secs(seconds));
        circuits.bound("w0", &target).unwrap().slots
    };
    assert_eq!((tries(&mut circuits, 59), tries(&mut circuits, 60)), (0, 1));
}

#[test]
fn the_next_failure_detector_begins_with_what_workers_were_told() {
    let (mut circuits, now) = (Circuits::new(0), Instant::now());
    let target = Target("shop:80".to_owned());
    let serving = |told: Option<u32>| Serving {
        worker: "w0".to_owned(),
        all: Tally { well: 9, badly: 9, tasks: 9 },
        lately: Tally::default(),
        busy_until: None,
        told: told.map(|slots| (slots, "down".to_owned())),
    };
    let fleet = |told: &[Option<u32>]| {
        BTreeMap::from([(target.clone(), told.iter().copied().map(serving).collect::<Vec<_>>())])
    };
    circuits.adopt(&fleet(&[Some(0), None]), now);
    assert!(circuits.bound("w0", &target).is_none(), "what one alone was told is about that one");
    circuits.adopt(&fleet(&[Some(1), Some(0)]), now);
    let bound = circuits.bound("w0", &target).unwrap();
    assert_eq!((bound.slots, bound.reason), (0, "down"));
}
