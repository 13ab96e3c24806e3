//! How long runs stand still when what drives them is killed, under many open runs.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use kintsugi_core::{RunId, partition_of};
use kintsugi_tests::{Engine, Role, Shape, signal};
use tokio::sync::broadcast;

use crate::{
    probe::{Begun, Probes, next},
    row::Row,
    session::Session,
    work,
};

/// Runs that are open, each with a task that takes half a second on average.
const RUNS: usize = 1_000;

/// The default of `engine.partitions`.
const PARTITIONS: u16 = 16;

/// A partition in which something began this lately goes on.
const LATELY: Duration = Duration::from_millis(500);

/// How long is watched at least after a kill, so that a pause which begins late is seen too.
const WATCHED: Duration = Duration::from_secs(4);

const PATIENCE: Duration = Duration::from_secs(60);

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// `kill -9` of an orchestrator; in one process, of everything, which is started again at once.
    Kill,
    /// SIGSTOP of an orchestrator.
    Freeze,
    /// `kill -9` of every process, the broker and the database among them; all are started again at once.
    All,
}

/// Does so `times` times.
pub(crate) async fn outage(session: &mut Session, what: What, times: usize) -> Row {
    let probes = Probes::new("tick", session.engine.nats_url());
    probes.spawn();
    // More steps than are done until the last kill is over; the rest is done in a hurry.
    let name = format!("ticks-{}", format!("{what:?}").to_lowercase());
    let definition = work::sequence(&name, 20 + 25 * times, "tick");
    session.engine.client.define(&definition).await;
    let starts = stream::iter(0..RUNS).map(|_| Session::start_run(&session.bus, &name));
    let started = starts.buffer_unordered(64).collect::<Vec<_>>();
    let mut begun = probes.listen();
    let first = next(&mut begun, PATIENCE, "tasks begin", |_| true);
    let (runs, _) = tokio::join!(started, first);
    assert_eq!(runs.len(), RUNS);
    tokio::time::sleep(Duration::from_secs(2)).await;

    let (mut pauses, mut others) = (Vec::new(), Duration::ZERO);
    for number in 0..times {
        let mut begun = probes.listen();
        let mut watch = Watch::default();
        watch.until(&mut begun, Instant::now() + LATELY * 2).await;
        assert!(watch.all_go_on(), "the runs stand still before anything is killed");
        let before = owners(&session.engine);
        let again = strike(session, what, number);
        watch.go_on(&mut begun).await;
        let after = owners(&session.engine);
        for (partition, (_, longest)) in watch.partitions {
            let owner =
                |all: &Option<BTreeMap<u16, String>>| Some(all.as_ref()?[&partition].clone());
            match (owner(&before), owner(&after)) {
                (Some(before), Some(after)) if before == after && what != What::All => {
                    others = others.max(longest);
                }
                _ => pauses.push(longest),
            }
        }
        if let Some(name) = again {
            if what == What::Freeze {
                signal(session.engine.pid(name), "CONT");
            } else {
                session.engine.spawn_role(name, Role::Orchestrator);
            }
            // It takes its share when it has heard the others; that is not what is measured.
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    }
    probes.hurry();
    kintsugi_tests::eventually("every run completes", Duration::from_secs(180), || async {
        session.all_ended(&name).await.then_some(())
    })
    .await;
    let had = format!("the partitions that it had; the others' pause up to {others:.0?}");
    let (work, which) = match (session.engine.shape, what) {
        (Shape::Services, What::Kill) => ("kill -9 of an orchestrator", had),
        (Shape::Services, What::Freeze) => ("SIGSTOP of an orchestrator", had),
        _ => ("kill -9 of everything", "all of them; it is started again at once".to_owned()),
    };
    let note = format!(
        "{times} times under {RUNS} open runs, the longest pause between two beginnings in each partition: {which}; all runs completed"
    );
    Row { note, ..session.row(work) }.with_durations(pauses)
}

/// Who has which partition, as the database knows it; none where there is one process for all.
fn owners(engine: &Engine) -> Option<BTreeMap<u16, String>> {
    let postgres = engine.postgres.as_ref()?;
    let lines = postgres.psql_in("postgres", "SELECT id || ' ' || owner FROM partitions");
    let owner = |line: &str| {
        let (partition, owner) = line.split_once(' ').unwrap();
        (partition.parse().unwrap(), owner.to_owned())
    };
    Some(lines.lines().map(owner).collect())
}

/// Gives the name of what has to be started again when all is measured.
fn strike(session: &mut Session, what: What, number: usize) -> Option<&'static str> {
    if session.engine.shape == Shape::Dev {
        session.engine.kill_and_restart("dev");
        return None;
    }
    let name = if number.is_multiple_of(2) { "orchestrator" } else { "orchestrator-2" };
    match what {
        What::Kill => session.engine.kill(name),
        What::Freeze => signal(session.engine.pid(name), "STOP"),
        What::All => {
            session.engine.kill_everything_and_restart();
            return None;
        }
    }
    Some(name)
}

/// When something began in each partition, and how long nothing did.
#[derive(Default)]
struct Watch {
    partitions: BTreeMap<u16, (Instant, Duration)>,
}

impl Watch {
    fn saw(&mut self, begun: &Begun) {
        let run = RunId::parse(&begun.run).unwrap();
        let seen = (begun.at, Duration::ZERO);
        let (at, longest) = self.partitions.entry(partition_of(&run, PARTITIONS)).or_insert(seen);
        *longest = (*longest).max(begun.at.saturating_duration_since(*at));
        *at = begun.at;
    }

    async fn until(&mut self, begun: &mut broadcast::Receiver<Begun>, end: Instant) {
        while let Ok(next) = tokio::time::timeout_at(end.into(), begun.recv()).await {
            self.saw(&next.expect("beginnings were missed"));
        }
    }

    fn all_go_on(&self) -> bool {
        let goes_on = |(at, _): &(Instant, Duration)| at.elapsed() < LATELY;
        self.partitions.len() == usize::from(PARTITIONS) && self.partitions.values().all(goes_on)
    }

    /// Watches until every partition goes on again, for `WATCHED` at least.
    async fn go_on(&mut self, begun: &mut broadcast::Receiver<Begun>) {
        let struck = Instant::now();
        self.until(begun, struck + WATCHED).await;
        while !self.all_go_on() {
            assert!(struck.elapsed() < PATIENCE, "some runs stand still for good");
            self.until(begun, Instant::now() + Duration::from_millis(50)).await;
        }
    }
}
