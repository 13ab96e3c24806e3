//! The ledger of the promises: P1 to P9, looked after all the time, each by its number.
//!
//! A round asks the broker how its streams are. Only when that says that something happened, when
//! something was found, or after a rest, it looks at the database: one statement of indexed parts, and
//! one that reads a few runs whole. So an engine at rest pays nothing, and one under load a bounded
//! sample ([`RUNS_MAX`] runs, [`LIMIT`] rows of each kind a round), and of its time a bounded part:
//! whatever runs hold, replaying them takes one [`SHARE`]th of a core at most. What is found is judged
//! by `kintsugi_promises::live`, counted by [`standing`], and mended by whoever's task it is.
//!
//! Nothing here must not be lost: what is counted stands in the recovery log, and the next round
//! finds again what is not. Killed behind the notification and before the entry, the same is told
//! once more.

mod act;
mod read;
pub(crate) mod standing;
mod view;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kintsugi_core::{Program, RunId, Timestamp};
use kintsugi_definition::Expressions;
use kintsugi_entities::{Bounds, Page, RecoveryRow};
use kintsugi_nats::LifeEvent;
use kintsugi_promises::live;
use kintsugi_runtime::{Deps, Reconciler, Waker, now};
use tokio::time::Instant;

use self::standing::{Judged, KIND, Standing};
pub use self::view::{PromiseView, Promises};
use crate::{Config, seen::Seen};

/// Rows of each kind that one look takes.
const LIMIT: u32 = 500;

/// Runs that one round reads whole and replays.
const RUNS_MAX: usize = 20;

/// Runs that are larger are not replayed: one of them would take as long as a thousand others.
const BOUNDS: Bounds = Bounds { versions: 300, state: 256 << 10, history: 512 << 10 };

/// What was read and replayed in some time is followed by so many times of that without: a hundredth
/// of a core, where the goal for the whole ledger is two.
const SHARE: u32 = 100;

/// Nothing was so large that runs are left alone for longer.
const ALONE_MAX: Duration = Duration::from_secs(300);

/// How late somebody is told who is late: on a good day in half of that (P2).
const LATE_MS: i64 = 5_000;

/// How long the others must have been there for somebody who is late to be a breach.
const CALM: Duration = Duration::from_secs(5);

/// How soon the next look follows on one that found something.
const SOON: Duration = Duration::from_millis(500);

/// Entries of the recovery log with which counting begins.
const RESTORED_MAX: u32 = 500;

/// Why a round failed; the next one tries again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot look at the store")]
    Store(#[from] kintsugi_entities::Error),
    #[error("cannot look at the broker")]
    Bus(#[from] kintsugi_nats::Error),
    #[error("cannot judge what is stored")]
    Promises(#[from] kintsugi_promises::Error),
    #[error("judging what is stored broke off")]
    Judge,
}

/// What the ledger says of itself, shared with whoever answers for it.
pub(crate) type Said = Arc<Mutex<Promises>>;

/// A definition, compiled.
type Compiled = Arc<(Program, Expressions)>;

/// Looks after the promises.
pub(crate) struct Ledger {
    deps: Deps,
    config: Config,
    seen: Arc<Seen>,
    said: Said,
    waker: Waker,
    /// None: another process keeps the ledger, or this one has not begun.
    standing: Option<Standing>,
    calm_since: Option<Instant>,
    looked: Option<Instant>,
    again: bool,
    programs: HashMap<String, Compiled>,
    /// When each stream was made.
    made: BTreeMap<String, String>,
    /// The last positions of inputs and of lifecycle events.
    moved: (u64, u64),
    /// Before this no runs are read, and whether some are waiting for it.
    alone_until: Option<Instant>,
    waiting: bool,
    /// The last position of a lifecycle event whose run was read.
    life: u64,
    dead: read::DeadStream,
    epochs: BTreeMap<String, i64>,
    /// Up to when runs that ended were taken up, and the run behind which those without a deadline
    /// are looked at.
    ended: i64,
    after: String,
    made_anew: Option<Instant>,
    published: BTreeMap<String, Instant>,
    unwritten: VecDeque<RecoveryRow>,
    unraised: VecDeque<LifeEvent>,
}

impl Ledger {
    pub(crate) fn new(deps: Deps, config: Config, seen: Arc<Seen>, said: Said) -> Self {
        Self {
            deps,
            config,
            seen,
            said,
            waker: Waker::default(),
            standing: None,
            calm_since: None,
            looked: None,
            again: true,
            programs: HashMap::new(),
            made: BTreeMap::new(),
            moved: (0, 0),
            alone_until: None,
            waiting: false,
            life: 0,
            dead: read::DeadStream::default(),
            epochs: BTreeMap::new(),
            ended: 0,
            after: String::new(),
            made_anew: None,
            published: BTreeMap::new(),
            unwritten: VecDeque::new(),
            unraised: VecDeque::new(),
        }
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Whether those on whom the late wait were there for long enough.
    fn is_calm(&mut self, time: Timestamp) -> bool {
        let silence = self.config.silence_max;
        let there = self.deps.bus.is_connected()
            && ["retry-engine", "orchestrator", "failure-detector"]
                .iter()
                .all(|service| self.seen.is_ready(service, time, silence));
        if !there {
            self.calm_since = None;
            return false;
        }
        self.calm_since.get_or_insert_with(Instant::now).elapsed() >= CALM
    }

    /// Takes up the count where it stopped.
    async fn begin(&mut self, time: Timestamp) -> Result<Standing, Error> {
        let page = Page { limit: RESTORED_MAX, cursor: None };
        let rows = self.deps.store.recoveries_list(page, None, Some(KIND)).await?;
        self.ended = time.0;
        Ok(Standing::restore(&rows.items))
    }

    async fn round(&mut self, standing: &mut Standing, time: Timestamp) -> Result<(), Error> {
        let mut judged = Judged { calm: self.is_calm(time), ..Judged::default() };
        let compared = self.deps.bus.streams_compared(&self.deps.stream_limits).await?;
        let first = self.made.is_empty();
        let mut findings = live::streams(&compared, &mut self.made);
        judged.by.insert(live::By::Streams);
        standing.checked(8, compared.len(), time);

        let is_due = self.looked.is_none_or(|at| at.elapsed() >= self.config.ledger_rest);
        let moved = self.moved(&compared);
        let letters = self.dead.is_changed(&compared);
        if moved
            || letters
            || first
            || is_due
            || self.waiting
            || std::mem::take(&mut self.again)
            || !standing.is_empty()
        {
            let ended = self.look(standing, time, &mut findings).await?;
            judged.by.insert(live::By::Look);
            // Whoever found that a run has no deadline has looked again by now.
            judged.runs.extend(standing.of(live::By::Timer).map(str::to_owned));
            self.waiting = self.alone_until.is_some_and(|until| until > Instant::now());
            if !self.waiting {
                let began = Instant::now();
                let read = self.runs(standing, ended, time, &mut findings, &mut judged).await;
                let alone = (began.elapsed() * SHARE).min(ALONE_MAX);
                self.alone_until = Some(Instant::now() + alone);
                read?;
            }
            if letters || first || is_due || standing.of(live::By::Letters).next().is_some() {
                self.letters(standing, &compared, time, &mut findings).await?;
                judged.by.insert(live::By::Letters);
            }
            self.looked = Some(Instant::now());
        }
        let mends = findings.clone();
        let changes = standing.take(findings, &judged, time);
        let mended = self.mend(&mends, (standing, &changes), judged.calm, time).await;
        // What was counted is written, whatever became of the mend.
        self.note(changes, time);
        mended?;
        // What was just mended is looked at once more, also by who would rest.
        self.again = standing.is_open();
        Ok(())
    }

    fn say(&self, problem: Option<String>) {
        let items = self.standing.as_ref().map(view::items).unwrap_or_default();
        let said =
            Promises { at: now().to_rfc3339(), keeps: self.standing.is_some(), problem, items };
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = said;
    }
}

impl Reconciler for Ledger {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let (time, silence) = (now(), self.config.silence_max);
        if !self.seen.leads("monitoring", &self.deps.instance, time, silence) {
            self.standing = None;
            self.say(None);
            return Ok(());
        }
        if !self.deps.bus.is_connected() {
            self.calm_since = None;
            self.say(Some("not connected to the broker".to_owned()));
            return Ok(());
        }
        let mut standing = match self.standing.take() {
            Some(standing) => standing,
            None => self.begin(time).await?,
        };
        let done = self.round(&mut standing, time).await;
        let is_open = standing.is_open();
        self.standing = Some(standing);
        let written = self.flush().await;
        let failed = done.as_ref().err().or(written.as_ref().err());
        self.say(failed.map(ToString::to_string));
        if is_open && failed.is_none() {
            let waker = self.waker.clone();
            tokio::spawn(async move {
                tokio::time::sleep(SOON).await;
                waker.wake();
            });
        }
        if let Err(error) = done.and(written) {
            // Whoever is cut off from the store or the broker cannot say who is late.
            self.calm_since = None;
            return Err(error);
        }
        Ok(())
    }
}

/// The run of an event or entry that is about none.
fn engine() -> Option<RunId> {
    RunId::parse("engine").ok()
}
