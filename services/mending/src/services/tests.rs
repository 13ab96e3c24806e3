use super::*;

fn beat(service: &str, instance: &str, at: i64) -> ServiceBeat {
    ServiceBeat {
        service: service.to_owned(),
        instance: instance.to_owned(),
        pid: 1,
        ready: true,
        at: Some(Timestamp(at)),
        ..ServiceBeat::default()
    }
}

/// What is heard and looked at, on a clock of its own.
struct World {
    services: Services,
    began: Instant,
    at: i64,
}

impl World {
    fn new() -> Self {
        Self { services: Services::default(), began: Instant::now(), at: 0 }
    }

    fn now(&self) -> Instant {
        self.began + Duration::from_millis(u64::try_from(self.at).unwrap())
    }

    fn hear(&mut self, beat: ServiceBeat) -> bool {
        let now = self.now();
        self.services.heard(beat, Timestamp(self.at), now)
    }

    fn hears(&mut self, service: &str, instance: &str) -> bool {
        self.hear(beat(service, instance, self.at))
    }

    fn own(&mut self, owners: &[&str]) {
        let row = |(id, owner): (u16, &&str)| PartitionRow {
            id,
            owner: (*owner).to_owned(),
            owner_epoch: 1,
            position: 0,
            stream: String::new(),
        };
        let rows: Vec<_> = (0..).zip(owners).map(row).collect();
        self.services.owned(&rows, Timestamp(self.at));
    }

    fn tell(&mut self, frozen: &[Name]) -> Vec<RecoveryRow> {
        let now = self.now();
        self.services.tell(frozen, Timestamp(self.at), now, "me")
    }

    /// Nobody answers for those that are silent.
    fn silence(&mut self) -> Vec<RecoveryRow> {
        let now = self.now();
        for name in self.services.silent(now) {
            self.services.is_gone(&name, now);
        }
        self.tell(&[])
    }
}

fn brief(rows: &[RecoveryRow]) -> Vec<(&str, &str, i64)> {
    rows.iter().map(|row| (row.id.as_str(), row.outcome.as_str(), row.duration_ms)).collect()
}

#[test]
fn a_stall_is_recorded_once_and_its_end_too() {
    let mut world = World::new();
    let stalled = |text: &str| ServiceBeat {
        stalled: Some(text.to_owned()),
        stalled_since: Some(Timestamp(-9_000)),
        ..beat("orchestrator", "a", 1)
    };
    assert!(!world.hears("orchestrator", "a") && world.tell(&[]).is_empty());
    assert!(world.hear(stalled("lane for 10 s")), "that is worth a look");
    let id = "stalled:orchestrator:a:lane:-9000";
    assert_eq!(brief(&world.tell(&[])), [(id, NOTED, 0)]);
    assert!(!world.hear(stalled("lane for 11 s")) && world.tell(&[]).is_empty());
    world.at = 5;
    assert!(world.hears("orchestrator", "a"));
    assert_eq!(brief(&world.tell(&[])), [(id, AGAIN, 5)]);
}

#[test]
fn one_that_is_silent_and_does_not_answer_stands_still_and_is_not_lost() {
    let mut world = World::new();
    world.hears("retry-engine", "a");
    world.at = 2_500;
    let silent = world.services.silent(world.now());
    assert_eq!(silent.len(), 1);
    assert_eq!(brief(&world.tell(&silent)), [("stalled:retry-engine:a:-:0", NOTED, 0)]);
    world.hears("retry-engine", "a");
    assert_eq!(world.tell(&[])[0].outcome, AGAIN);
}

#[test]
fn one_that_said_that_it_stops_is_no_loss_and_no_worker_is() {
    let mut world = World::new();
    world.hear(ServiceBeat { stopping: true, ready: false, ..beat("monitoring", "a", 0) });
    world.hear(ServiceBeat { at: None, ..beat("monitoring", "an older one", 0) });
    world.hears("task-worker", "w");
    world.at = 3_000;
    assert!(world.silence().is_empty());
    assert!(world.services.silent(world.now()).is_empty(), "they are forgotten");
}

#[test]
fn a_loss_is_over_at_once_where_another_one_is_ready() {
    let mut world = World::new();
    world.hears("retry-engine", "a");
    world.hears("retry-engine", "b");
    world.at = 500;
    world.hears("retry-engine", "a");
    for at in [1_500, 2_500] {
        world.at = at;
        world.hears("retry-engine", "b");
    }
    world.at = 3_100;
    let rows = world.silence();
    assert_eq!(brief(&rows), [("lost:retry-engine:a:500", "b does its work", 0)]);
    assert_eq!((rows[0].kind.as_str(), rows[0].seen_at, rows[0].at), (LOST, 500, 3_100));
    assert!(rows[0].decided.ends_with("another one does its work"), "{rows:?}");
    assert!(world.silence().is_empty(), "once");
}

#[test]
fn a_loss_waits_for_the_next_one_or_for_the_same_one() {
    for (who, outcome) in [("b", "b does its work"), ("a", "it is back itself")] {
        let mut world = World::new();
        world.hears("notification", "a");
        world.at = 3_000;
        let rows = world.silence();
        assert_eq!(brief(&rows), [("lost:notification:a:0", NOTED, 3_000)]);
        assert!(rows[0].decided.ends_with("its work waits for the next one"), "{rows:?}");
        world.hear(ServiceBeat { ready: false, ..beat("notification", "c", 3_000) });
        assert!(world.silence().is_empty(), "one that is not ready does not do it");
        world.at = 4_000;
        world.hears("notification", who);
        world.at = 4_500;
        assert_eq!(brief(&world.tell(&[])), [("lost:notification:a:0", outcome, 4_000)]);
    }
}

#[test]
fn an_orchestrator_is_mended_once_others_have_all_that_it_had() {
    let mut world = World::new();
    let claims = |claims, it: ServiceBeat| ServiceBeat { claims, ..it };
    assert!(world.hear(claims(1, beat("orchestrator", "a", 0))) && world.services.want_owners());
    world.own(&["a", "a", "b"]);
    assert!(!world.services.want_owners());
    world.at = 700;
    assert!(world.hear(claims(1, beat("orchestrator", "b", 700))));
    world.own(&["b", "a", "b"]);
    for at in [1_700, 2_700] {
        world.at = at;
        world.hear(claims(1, beat("orchestrator", "b", at)));
    }
    assert_eq!(brief(&world.silence()), [("lost:orchestrator:a:0", NOTED, 2_700)]);
    world.at = 2_900;
    assert!(
        world.hear(claims(2, beat("orchestrator", "b", 2_900))) && world.services.want_owners()
    );
    world.at = 2_910;
    assert!(world.tell(&[]).is_empty(), "nobody looked yet");
    world.own(&["b", "b", "b"]);
    let over = "its partitions are taken over: 2 by b";
    assert_eq!(brief(&world.tell(&[])), [("lost:orchestrator:a:0", over, 2_910)]);
}

#[test]
fn what_was_taken_before_the_silence_was_noticed_counts_from_then() {
    let mut world = World::new();
    world.hear(ServiceBeat { claims: 1, ..beat("orchestrator", "a", 0) });
    world.own(&["a", "a"]);
    world.at = 400;
    world.hear(ServiceBeat { claims: 1, ..beat("orchestrator", "b", 400) });
    world.own(&["b", "b"]);
    world.at = 2_500;
    let over = "its partitions are taken over: 2 by b";
    world.hear(ServiceBeat { claims: 1, ..beat("orchestrator", "b", 2_500) });
    assert_eq!(brief(&world.silence()), [("lost:orchestrator:a:0", over, 400)]);
}

#[test]
fn the_next_detector_takes_up_what_one_before_noted() {
    let mut world = World::new();
    world.hears("notification", "host:1");
    world.hear(ServiceBeat { claims: 1, ..beat("orchestrator", "o", 0) });
    world.at = 3_000;
    let (stalled, stalled_since) = (Some("scan".to_owned()), Some(Timestamp(0)));
    world.hear(ServiceBeat { stalled, stalled_since, ..beat("retry-engine", "host:2", 3_000) });
    let noted = world.silence();
    assert_eq!(noted.len(), 3, "{noted:?}");

    let mut next = World::new();
    next.at = 4_000;
    next.services.resume(&noted, next.now());
    assert!(next.tell(&[]).is_empty(), "nothing was heard yet");
    assert!(next.services.want_owners());
    next.own(&["p"]);
    next.hears("notification", "b");
    next.hears("retry-engine", "host:2");
    let rows = next.tell(&[]);
    let told = [
        ("stalled:retry-engine:host:2:scan:0", AGAIN, 1_000),
        ("lost:notification:host:1:0", "b does its work", 4_000),
        ("lost:orchestrator:o:0", "it has no partitions", 4_000),
    ];
    assert_eq!(brief(&rows), told);
    next.services.resume(&rows, next.now());
    assert!(next.tell(&[]).is_empty(), "what is over is over");
}
