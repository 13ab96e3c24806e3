//! Goes through a plan: faults under load, healing, and after each window the check of everything.

use std::{collections::BTreeMap, pin::pin, time::Duration};

use kintsugi_trial::{Settings, Trial, Verdict};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Kind, Report, Scope, Setup, Shape, Stage, Window, plan,
    probe::Probe,
    report::{Done, Recovery, kinds, seconds},
};

/// How often it is looked whether a process has ended by itself.
const LOOK: Duration = Duration::from_millis(500);

/// How long what rests on the broker alone may take to be in the database, before streams are deleted.
const HOLD_BACK: Duration = Duration::from_secs(60);

/// How long the first run after a fault may take: a bound, not a promise.
const RECOVERY: Duration = Duration::from_secs(120);

/// How long runs may take to end after the last fault of a window.
const DRAIN: Duration = Duration::from_secs(180);

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Options {
    /// The engine.
    pub setup: Setup,
    /// What all choices follow from.
    pub seed: u64,
    /// How long there are load and faults.
    pub lasts: Duration,
    /// Starts per second.
    pub rate: f64,
    /// Which faults; empty: all that the shape can have.
    pub kinds: Vec<Kind>,
    /// Definitions that are started; empty: built-in ones.
    pub workflows: Vec<String>,
}

/// Starts an engine, breaks it as the plan says, and gives what came of it. `say` is told how it goes,
/// line by line. When `stop` is cancelled, what was done so far is checked and reported.
///
/// # Errors
///
/// When something cannot be had, or the load or the check could not be done. A promise that is broken is
/// no error, but in the report.
pub async fn conduct(
    options: Options,
    stop: CancellationToken,
    say: impl Fn(&str) + Send + Sync + 'static,
) -> Result<Report, Error> {
    let owns_database =
        options.setup.shape == Shape::Services && options.setup.database_url.is_none();
    let scope = Scope { shape: options.setup.shape, owns_database };
    let wanted = crate::wanted(&options.kinds, &scope).map_err(Error::Refused)?;
    let windows = plan(options.seed, options.lasts, &wanted, &scope);
    if let Some(url) = &options.setup.database_url {
        is_empty(url).await?;
    }
    let stage = Stage::start(options.setup.clone()).await?;
    say(&format!("seed {}; everything is in {}", options.seed, stage.path().display()));
    let mut conductor = Conductor::begin(stage, &options, stop, Box::new(say)).await?;
    let (mut verdict, mut under_load, mut gone_through) = (Verdict::default(), Duration::ZERO, 0);
    for (number, window) in windows.iter().enumerate() {
        let began = Instant::now();
        conductor.window(number + 1, window).await?;
        under_load += began.elapsed();
        gone_through += 1;
        let found = conductor.settle().await?;
        (conductor.say)(&conductor.line(number + 1, windows.len(), &found));
        // What was found is left as it is, to be looked at.
        let over = !found.is_kept() || conductor.stop.is_cancelled();
        verdict.merge(found);
        if over {
            break;
        }
    }
    let Conductor { stage, trial, done, .. } = conductor;
    trial.stop().await;
    Ok(Report {
        seed: options.seed,
        shape: options.setup.shape,
        windows: gone_through,
        under_load_seconds: under_load.as_secs_f64(),
        kinds: kinds(&done),
        recovery: Recovery::of(done.iter()),
        faults: done,
        revived: stage.revived,
        messages_harmed: stage.harmed(),
        broken: broken(&verdict),
        verdict,
    })
}

/// Breaches, by the number of the promise.
fn broken(verdict: &Verdict) -> BTreeMap<u8, usize> {
    let mut broken = BTreeMap::new();
    for breach in &verdict.breaches {
        *broken.entry(breach.promise).or_default() += 1;
    }
    broken
}

/// Who is told how it goes.
type Say = Box<dyn Fn(&str) + Send + Sync>;

struct Conductor {
    say: Say,
    stage: Stage,
    trial: Trial,
    probe: Probe,
    seed: u64,
    stop: CancellationToken,
    done: Vec<Done>,
    /// Runs that were started after faults: the fault's place in `done`, and how long it took.
    probes: JoinSet<(usize, Option<Duration>)>,
}

impl Conductor {
    async fn begin(
        mut stage: Stage,
        options: &Options,
        stop: CancellationToken,
        say: Say,
    ) -> Result<Self, Error> {
        let probe = Probe::new(&stage.http());
        probe.define().await.map_err(Error::Refused)?;
        stage.start_ledgers()?;
        let settings = Settings {
            http: stage.http(),
            nats: stage.nats(),
            database: stage.database(),
            ledger: stage.ledger(),
            seed: options.seed,
            rate: options.rate,
            workflows: options.workflows.clone(),
        };
        let trial = Trial::begin(settings).await?;
        let (seed, done, probes) = (options.seed, Vec::new(), JoinSet::new());
        Ok(Self { say, stage, trial, probe, seed, stop, done, probes })
    }

    /// Does what is planned for a window. In the end everything is healed.
    async fn window(&mut self, number: usize, window: &Window) -> Result<(), Error> {
        let began = Instant::now();
        let mut acts: Vec<(u64, bool, usize)> = Vec::new();
        for (place, strike) in window.strikes.iter().enumerate() {
            acts.push((strike.at_ms, true, place));
            acts.push((strike.ends_ms(), false, place));
        }
        acts.sort_by_key(|(at_ms, begins, place)| (*at_ms, !*begins, *place));
        let mut open = Vec::new();
        for (at_ms, begins, place) in acts {
            self.until(began + Duration::from_millis(at_ms)).await?;
            if self.stop.is_cancelled() {
                break;
            }
            let strike = &window.strikes[place];
            if begins {
                open.push(strike.fault);
                let (fault, recovery_ms) = (strike.fault, None);
                let done = Done { window: number, at_ms, fault, recovery_ms, not_done: None };
                self.strike(done).await?;
            } else {
                open.retain(|fault| *fault != strike.fault);
                self.stage.heal(&strike.fault).await?;
            }
        }
        for fault in open {
            self.stage.heal(&fault).await?;
        }
        self.until(began + Duration::from_millis(window.lasts_ms)).await
    }

    async fn strike(&mut self, mut done: Done) -> Result<(), Error> {
        let destroys = done.fault.destroys();
        if destroys {
            let held = reviving(&mut self.stage, self.trial.hold_back(HOLD_BACK)).await?;
            done.not_done = held.err().map(|error| told(&error));
        }
        let since = Instant::now();
        if done.not_done.is_none() {
            let struck = self.stage.begin(&done.fault).await;
            done.not_done = struck.err().map(|error| told(&error));
        }
        if destroys {
            self.trial.go_on();
        }
        let (at, fault) = (seconds(Duration::from_millis(done.at_ms)), done.fault);
        (self.say)(&match &done.not_done {
            None => format!("  {at:>9}  {fault}"),
            Some(why) => format!("  {at:>9}  {fault}: not done: {why}"),
        });
        let place = self.done.len();
        if done.not_done.is_none() {
            let (probe, run) = (self.probe.clone(), format!("chaos-{}-{place}", self.seed));
            self.probes.spawn(async move { (place, probe.time(&run, since, RECOVERY).await) });
        }
        self.done.push(done);
        Ok(())
    }

    /// Waits, and starts again what ends by itself meanwhile.
    async fn until(&mut self, at: Instant) -> Result<(), Error> {
        let stop = self.stop.clone();
        let wait = async {
            tokio::select! {
                () = sleep_until(at) => {}
                () = stop.cancelled() => {}
            }
        };
        reviving(&mut self.stage, wait).await
    }

    /// Lets everything come to an end, and checks it.
    async fn settle(&mut self) -> Result<Verdict, Error> {
        let probes = &mut self.probes;
        let timed = reviving(&mut self.stage, async {
            let mut timed = Vec::new();
            while let Some(probe) = probes.join_next().await {
                timed.extend(probe.ok());
            }
            timed
        });
        for (place, took) in timed.await? {
            let ms = took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            self.done[place].recovery_ms = ms;
        }
        Ok(reviving(&mut self.stage, self.trial.settle(DRAIN)).await??)
    }

    fn line(&self, number: usize, of: usize, found: &Verdict) -> String {
        let done = self.done.iter().filter(|one| one.window == number);
        let recovery = Recovery::of(done.clone());
        let [p50, max] =
            [recovery.p50_ms, recovery.max_ms].map(|ms| seconds(Duration::from_millis(ms)));
        format!(
            "window {number} of {of}: {} faults, recovery p50 {p50}, longest {max}; accepted {}, \
             completed {}, lost {}, breaches {}",
            done.count(),
            found.accepted,
            found.completed(),
            found.lost,
            found.broken,
        )
    }
}

/// Does `work`, and meanwhile starts again what ends by itself.
async fn reviving<T>(stage: &mut Stage, work: impl Future<Output = T>) -> Result<T, Error> {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            () = sleep(LOOK) => stage.revive()?,
        }
    }
}

/// A database that is somebody's already is not one to break.
async fn is_empty(url: &str) -> Result<(), Error> {
    let options = kintsugi_entities::Options::default();
    let store = kintsugi_entities::Store::connect(url, &options).await?;
    let runs: u64 = store.counts().await?.runs.values().sum();
    if runs > 0 {
        return Err(Error::Refused(format!(
            "the database of --database-url holds {runs} runs: name an empty one, since everything in \
             it is put at risk and deleted"
        )));
    }
    Ok(())
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
