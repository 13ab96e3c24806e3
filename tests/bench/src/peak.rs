//! How much the engine does at most: floods of runs.

use std::{
    collections::HashSet,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, stream};
use kintsugi_nats::{LifeEvent, LifeFrom};
use tokio::time::timeout;

use crate::{
    disk::Disk,
    processes::Used,
    row::{Row, median},
    session::{ANSWER_MAX, STARTS, Session},
};

/// How often each point is measured.
const REPEATS: usize = 3;

/// After this long without the end of a run, the engine is asked whether there are more to come.
const QUIET: Duration = Duration::from_millis(500);

/// The longest that a flood may take.
const FLOOD_MAX: Duration = Duration::from_secs(300);

/// What a flood is made of.
#[derive(Clone, Copy)]
pub(crate) struct Flood {
    /// The work, as in the table.
    pub(crate) work: &'static str,
    /// Steps of a run.
    pub(crate) steps: usize,
    /// Runs of a flood.
    pub(crate) runs: usize,
}

struct Flooded {
    seconds: f64,
    started: Duration,
    used: Used,
    /// Runs whose end was not heard of, but found by asking.
    unheard: usize,
}

impl Flood {
    fn name(self) -> String {
        self.work.to_lowercase()
    }

    /// Measures the point, and what its runs leave on disk.
    pub(crate) async fn measure(self, session: &Session) -> (Row, Row) {
        let warm = Self { runs: (self.runs / 4).max(STARTS), ..self };
        warm.once(session).await;
        let processes = session.processes();
        processes.forget_peaks();
        let disk = Disk::now(session);
        let (mut floods, mut used) = (Vec::new(), Used::default());
        for number in 0..REPEATS {
            let flood = self.once(session).await;
            used = if number == 0 { flood.used.clone() } else { used.and(&flood.used) };
            floods.push(flood);
        }
        let memory = processes.memory();
        let runs = self.runs * REPEATS;
        let written = used.written.clone();
        let disk = Disk::now(session).row(&disk, written, self.work, runs, session);
        let rate = |count: usize| {
            let count = count as f64;
            median(floods.iter().map(|flood| count / flood.seconds).collect())
        };
        let (steps_per_s, steps_spread) = rate(self.runs * self.steps);
        let (runs_per_s, runs_spread) = rate(self.runs);
        let row = Row {
            steps_per_s: Some(steps_per_s),
            steps_per_s_spread: Some(steps_spread),
            runs_per_s: Some(runs_per_s),
            runs_per_s_spread: Some(runs_spread),
            repeats: Some(REPEATS),
            memory_by_process: memory,
            note: self.note(&floods),
            ..session.row(self.work)
        };
        (row.with_cpu(&used, runs * self.steps), disk)
    }

    fn note(self, floods: &[Flooded]) -> String {
        let started = floods.iter().map(|flood| flood.started).max().unwrap_or_default();
        let unheard: usize = floods.iter().map(|flood| flood.unheard).sum();
        let mut note = format!(
            "{REPEATS} floods of {} runs after a warm-up, {STARTS} starts at a time, all started after {started:.1?} at most",
            self.runs
        );
        if unheard > 0 {
            note += &format!("; the end of {unheard} runs was found by asking, up to 0.5 s late");
        }
        note
    }

    /// From the first start to the last end.
    async fn once(self, session: &Session) -> Flooded {
        let (name, processes) = (self.name(), session.processes());
        let filter = format!("kintsugi.life.bench.{name}.*.workflow_completed");
        let mut ends = session.bus.life(&filter, LifeFrom::New).await.unwrap().events();
        let (before, began) = (processes.snapshot(), Instant::now());
        let starts = stream::iter(0..self.runs).map(|_| Session::start_run(&session.bus, &name));
        let starts = starts.buffer_unordered(STARTS).collect::<HashSet<String>>();
        let mut starts = pin!(starts.map(|ids| (ids, began.elapsed())));
        let (mut ended, mut open) = (HashSet::new(), None::<(HashSet<String>, Duration)>);
        loop {
            tokio::select! {
                (mut ids, started) = &mut starts, if open.is_none() => {
                    assert_eq!(ids.len(), self.runs, "two runs have one id");
                    ids.retain(|id| !ended.contains(id));
                    open = Some((ids, started));
                }
                event = timeout(QUIET, ends.next()) => match (event, &mut open) {
                    (Ok(Some(event)), None) => drop(run_of(&event).map(|run| ended.insert(run))),
                    (Ok(Some(event)), Some((ids, _))) => drop(run_of(&event).map(|run| ids.remove(&run))),
                    (Ok(None), _) => panic!("the stream of lifecycle events was made anew"),
                    // Events may be lost; runs are not.
                    (Err(_), Some(_)) if session.all_ended(&name).await => break,
                    (Err(_), _) => {}
                },
            }
            if open.as_ref().is_some_and(|(ids, _)| ids.is_empty()) {
                break;
            }
            assert!(began.elapsed() < FLOOD_MAX, "{}: not all runs end", self.work);
        }
        let seconds = began.elapsed().as_secs_f64();
        let used = before.until(&processes.snapshot());
        let (unheard, started) = open.expect("it is left only when all are started");
        Flooded { seconds, started, used, unheard: unheard.len() }
    }
}

fn run_of(event: &LifeEvent) -> Option<String> {
    event.run().map(|run| run.as_str().to_owned())
}

/// How long one run takes, at a rate of arrivals that does not depend on the engine (open loop).
///
/// A run's time counts from the moment when it was due to start, so that a generator or an engine
/// that falls behind makes it longer and hides nothing.
pub(crate) async fn steady(session: &Session, rate: f64, (warm_s, counted_s): (u64, u64)) -> Row {
    let (warm, all) = ((rate * warm_s as f64) as u32, (rate * (warm_s + counted_s) as f64) as u32);
    let (processes, mut tasks) = (session.processes(), tokio::task::JoinSet::new());
    let (mut before, mut counted) = (processes.snapshot(), Instant::now());
    let begin = tokio::time::Instant::now() + Duration::from_millis(20);
    let (mut taken, done) = (Vec::with_capacity(all as usize), Arc::new(AtomicUsize::new(0)));
    for number in 0..all {
        let due = begin + Duration::from_secs_f64(f64::from(number) / rate);
        tokio::time::sleep_until(due).await;
        if number == warm {
            (before, counted) = (processes.snapshot(), Instant::now());
        }
        let (bus, done) = (session.bus.clone(), Arc::clone(&done));
        tasks.spawn(async move {
            let answer = bus.request("kintsugi.api.run.bench.w10", b"{}".to_vec(), ANSWER_MAX);
            let answer: serde_json::Value = serde_json::from_slice(&answer.await.unwrap()).unwrap();
            assert_eq!(answer["status"], "completed", "{answer}");
            done.fetch_add(1, Ordering::Relaxed);
            (number, due.elapsed())
        });
    }
    let used = before.until(&processes.snapshot());
    let offered = f64::from(all - warm) / counted.elapsed().as_secs_f64();
    let waiting = all as usize - done.load(Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        let (number, time) = ended.unwrap();
        if number >= warm {
            taken.push(time);
        }
    }
    let note = format!(
        "open loop: {offered:.0} runs/s for {counted_s} s after {warm_s} s, from due start to result"
    );
    // A second's worth of runs that wait is a queue that grows.
    let behind = if waiting as f64 > rate { "; IT DID NOT KEEP UP" } else { "" };
    let note = format!("{note}; {waiting} runs waited at the end{behind}");
    let row = Row { arrivals_per_s: Some(offered), note, ..session.row("W10 half load") };
    row.with_durations(taken).with_cpu(&used, (all - warm) as usize * 10)
}
