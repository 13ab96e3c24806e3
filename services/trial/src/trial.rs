//! A trial, from its beginning to its verdict.

use std::{collections::BTreeMap, path::PathBuf, sync::atomic::Ordering, time::Duration};

use kintsugi_entities::Store;
use kintsugi_nats::Bus;
use kintsugi_promises::{Book, Breach};
use serde_json::json;

use crate::{
    Chance, Error, Verdict,
    client::Client,
    definitions::{BUILT_IN, Subject},
    judge::{Earlier, Seen},
    ledger::Pages,
    load::Load,
};

/// How long [`Trial::end`] waits for everything to end.
const END: Duration = Duration::from_secs(180);

/// How often everything is read again since a run changed meanwhile.
const AGAIN_MAX: u32 = 5;

/// How long connecting to the broker may take.
const CONNECT: Duration = Duration::from_secs(30);

/// What is tried, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The gateway's URL.
    pub http: String,
    /// The broker's URL.
    pub nats: String,
    /// The database's URL.
    pub database: String,
    /// The file that workers append their executions to ([`crate::ledger_worker`]).
    pub ledger: PathBuf,
    /// What every choice follows from.
    pub seed: u64,
    /// Starts a second.
    pub rate: f64,
    /// Definitions (YAML) that runs are started of in turn, with `{}`; none: the built-in ones.
    pub workflows: Vec<String>,
}

/// A trial that is under way.
pub struct Trial {
    load: Load,
    pages: Pages,
    /// Which runs are of windows before.
    earlier: Earlier,
}

impl Trial {
    /// Registers the definitions, and begins to start runs.
    ///
    /// # Errors
    ///
    /// When the engine cannot be reached, or refuses a definition.
    pub async fn begin(settings: Settings) -> Result<Self, Error> {
        if !(settings.rate > 0.0 && settings.rate.is_finite()) {
            return Err(Error::Rate { rate: settings.rate });
        }
        let client = Client::new(&settings.http);
        let options = kintsugi_nats::Options {
            url: settings.nats,
            name: "kintsugi-trial".to_owned(),
            wait: CONNECT,
            ..kintsugi_nats::Options::default()
        };
        let bus = Bus::connect(&options).await?;
        let options = kintsugi_entities::Options::default();
        let store = Store::connect(&settings.database, &options).await?;
        let is_own = settings.workflows.is_empty();
        let own = BUILT_IN.map(str::to_owned).to_vec();
        let mut subjects = Vec::new();
        for yaml in if is_own { own } else { settings.workflows } {
            let subject = Subject::new(client.define(&yaml).await?, is_own);
            // What a schedule starts beside would never let the engine rest; without one this is a 404.
            let (namespace, name) = (subject.namespace(), subject.name());
            client.post(&format!("/v1/schedules/{namespace}/{name}/pause"), &json!({})).await;
            subjects.push(subject);
        }
        let chance = Chance::new(settings.seed);
        let load = Load::begin((client, bus, store), subjects, settings.rate, &chance);
        Ok(Self { load, pages: Pages::new(settings.ledger), earlier: Earlier::default() })
    }

    /// Holds back what is answered before the database knows of it (published starts, redrives,
    /// cancellations), and waits until all that was answered so far is in the database.
    ///
    /// # Errors
    ///
    /// When it is not there in time.
    pub async fn hold_back(&self, within: Duration) -> Result<(), Error> {
        self.load.hold_back(within).await
    }

    /// Goes on with what is held back.
    pub fn go_on(&self) {
        self.load.go_on();
    }

    /// How many runs were accepted in this window.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.load.shared.kept().answers.accepted.len()
    }

    /// How many runs were seen completed in this window.
    #[must_use]
    pub fn completed(&self) -> usize {
        self.load.shared.kept().answers.completed.len()
    }

    /// Which runs belong to windows that are over, and are gone.
    #[must_use]
    pub fn earlier(&self) -> Earlier {
        self.earlier
    }

    /// Starts nothing more, and waits until every run has ended or waits for something that is named;
    /// whether that was so in time.
    pub async fn drain(&self, within: Duration) -> bool {
        self.load.drain(within).await
    }

    /// Reads all that is to be judged.
    ///
    /// # Errors
    ///
    /// When the database, the broker or the ledger cannot be read.
    pub async fn see(&self) -> Result<Seen, Error> {
        let shared = &self.load.shared;
        let mut book = Book::read(&shared.store, &shared.bus).await?;
        for _ in 0..AGAIN_MAX {
            if !self.has_moved(&book).await? {
                break;
            }
            book = Book::read(&shared.store, &shared.bus).await?;
        }
        // What was published again after the window that it belongs to.
        let (runs, earlier) = (&book.runs, self.earlier);
        book.stream.retain(|letter| {
            runs.contains_key(letter.run.as_str()) || !earlier.has(letter.run.as_str())
        });
        let (before, ledger) = self.pages.read()?;
        let kept = shared.kept().clone();
        let waiting = kept.waiting.into_iter().map(|(id, (_, what))| (id, what));
        let waiting: BTreeMap<String, String> = waiting.collect();
        let (answers, odd) = (kept.answers, kept.odd);
        Ok(Seen { book, answers, ledger, before, earlier, waiting, odd })
    }

    /// Whether an open run is not as it was read.
    async fn has_moved(&self, book: &Book) -> Result<bool, Error> {
        let open = self.load.shared.store.runs_open_page(None, 500).await?;
        Ok(open.iter().any(|run| {
            let known = book.runs.get(run.id.as_str());
            known.is_none_or(|known| known.version != run.version)
        }))
    }

    async fn judge(&self, within: Duration) -> Result<Verdict, Error> {
        let still = self.drain(within).await;
        let mut verdict = self.see().await?.judge();
        if !still {
            let what = format!("something was still under way after {within:?}");
            verdict.take(vec![Breach { promise: 2, what }]);
        }
        Ok(verdict)
    }

    /// Ends a window: starts nothing more, waits until all has ended, judges, deletes what has ended and
    /// puts the ledger aside, and goes on with the next. After a verdict that is not good nothing is
    /// deleted and nothing is started, so that what was found can be looked at.
    ///
    /// # Errors
    ///
    /// When what is stored cannot be read, or does not go.
    pub async fn settle(&mut self, within: Duration) -> Result<Verdict, Error> {
        let verdict = self.judge(within).await?;
        if verdict.is_kept() {
            self.load.shared.clear(within).await?;
            self.pages.turn()?;
            self.earlier = Earlier(self.load.shared.next.load(Ordering::SeqCst));
            self.load.begin_anew();
        }
        Ok(verdict)
    }

    /// Ends the trial: starts nothing more, waits for at most three minutes until all has ended, judges,
    /// and leaves everything where it is.
    ///
    /// # Errors
    ///
    /// When what is stored cannot be read.
    pub async fn end(self) -> Result<Verdict, Error> {
        let verdict = self.judge(END).await;
        self.load.stop().await;
        verdict
    }

    /// Stops at once, without a verdict.
    pub async fn stop(self) {
        self.load.stop().await;
    }
}
