//! Load that does not stop: workflows of several kinds are started, watched, redriven and
//! cancelled from the background, and every answer is kept, to be held against what is stored.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use kintsugi_core::RunId;
use kintsugi_entities::{DeadLetterStatus, Store};
use kintsugi_nats::{Bus, Headers};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::sleep};

use crate::{Answers, Chance, Client, eventually};

/// Starts that may be under way at once.
const UNDER_WAY_MAX: usize = 48;

/// What is started: sequence with a failure, a wait; forks; a loop; a `try` that retries; a call;
/// workers with a ledger; what parks, faults, or is cancelled.
pub const DEFINITIONS: [&str; 8] = [
    r#"
document: {dsl: '1.0.3', namespace: load, name: steps, version: '1.0.0', metadata: {kintsugi: {crashes_max: 50}}}
do:
  - a: {call: simulate, with: {mode: succeed, duration_ms: 30}}
  - b: {call: simulate, with: {mode: fail_times, times: 1, duration_ms: 10},
      metadata: {kintsugi: {retry: {initial_interval: 100ms, maximum_attempts: 3}}}}
  - pause: {wait: {milliseconds: 100}}
  - done: {set: {done: true}}
"#,
    r#"
document: {dsl: '1.0.3', namespace: load, name: forks, version: '1.0.0', metadata: {kintsugi: {crashes_max: 50}}}
do:
  - both:
      fork:
        branches:
          - c: {call: simulate, with: {mode: succeed, duration_ms: 50, output: c}}
          - d: {do: [{w: {wait: {milliseconds: 60}}}, {e: {call: simulate, with: {mode: succeed, output: e}}}]}
  - race:
      fork:
        compete: true
        branches:
          - slow: {call: simulate, with: {mode: succeed, duration_ms: 30000, output: slow}}
          - fast: {call: simulate, with: {mode: succeed, duration_ms: 20, output: fast}}
"#,
    r#"
document: {dsl: '1.0.3', namespace: load, name: loops, version: '1.0.0', metadata: {kintsugi: {crashes_max: 50}}}
do:
  - each:
      for: {each: item, in: '${ [1, 2, 3, 4] }'}
      while: '${ $item < 4 }'
      do:
        - one: {call: simulate, with: {mode: succeed, output: '${ $item }'}}
"#,
    r#"
document: {dsl: '1.0.3', namespace: load, name: tries, version: '1.0.0', metadata: {kintsugi: {crashes_max: 50}}}
do:
  - begin: {set: {tries: 0}, export: {as: '${ {tries: 0} }'}}
  - careful:
      try:
        - count: {set: {tries: '${ $context.tries + 1 }'}, export: {as: '${ {tries: .tries} }'}}
        - work: {call: simulate, with: {mode: '${ if $context.tries < 3 then "fatal" else "succeed" end }', output: mended}}
      catch:
        retry: {delay: {milliseconds: 80}, backoff: {exponential: {}}, limit: {attempt: {count: 5}}}
  - last: {set: {tries: '${ $context.tries }'}}
"#,
    r#"
document: {dsl: '1.0.3', namespace: load, name: ledgers, version: '1.0.0', metadata: {kintsugi: {crashes_max: 50}}}
do:
  - both:
      fork:
        branches:
          - left: {call: ledger, with: {hold_ms: 40}}
          - right: {call: ledger, with: {hold_ms: 600}}
  - third: {call: ledger, with: {hold_ms: 5}}
"#,
    r#"
document: {dsl: '1.0.3', namespace: load, name: parks, version: '1.0.0', metadata: {kintsugi: {crashes_max: 50}}}
do:
  - work: {call: simulate, with: {mode: fatal}, metadata: {kintsugi: {when_exhausted: park}}}
"#,
    r#"
document: {dsl: '1.0.3', namespace: load, name: faults, version: '1.0.0', metadata: {kintsugi: {crashes_max: 50}}}
do:
  - both:
      fork:
        branches:
          - bad: {call: simulate, with: {mode: fail, duration_ms: 20},
              metadata: {kintsugi: {retry: {initial_interval: 50ms, maximum_attempts: 2}}}}
          - good: {call: simulate, with: {mode: succeed, duration_ms: 400, output: good}}
"#,
    r#"
document: {dsl: '1.0.3', namespace: load, name: waits, version: '1.0.0'}
do: [{long: {wait: {hours: 1}}}]
"#,
];

const NAMES: [&str; 8] =
    ["steps", "forks", "loops", "tries", "ledgers", "parks", "faults", "waits"];

struct Shared {
    client: Client,
    bus: Bus,
    store: Store,
    answers: Mutex<Answers>,
    /// Runs whose start was published rather than requested.
    published: Mutex<BTreeSet<String>>,
    /// No more starts.
    ending: AtomicBool,
    /// Nothing whose answer rests on the broker alone.
    quiet: AtomicBool,
    /// Of that, how much is under way.
    resting: AtomicUsize,
    /// Starts under way.
    starting: AtomicUsize,
    stopped: AtomicBool,
}

/// The load, until it is stopped.
pub struct Load {
    shared: Arc<Shared>,
    work: Vec<JoinHandle<()>>,
}

impl Load {
    /// Registers the definitions and begins.
    pub async fn begin(client: Client, bus: Bus, store: Store, chance: &Chance) -> Self {
        for definition in DEFINITIONS {
            client.define(definition).await;
        }
        let shared = Arc::new(Shared {
            client,
            bus,
            store,
            answers: Mutex::default(),
            published: Mutex::default(),
            ending: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
            resting: AtomicUsize::new(0),
            starting: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let work = vec![
            tokio::spawn(start_on(Arc::clone(&shared), chance.beside(1))),
            tokio::spawn(watch(Arc::clone(&shared), chance.beside(2))),
            tokio::spawn(redrive(Arc::clone(&shared))),
        ];
        Self { shared, work }
    }

    /// How many runs were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.answers().accepted.len()
    }

    /// How many runs were seen completed so far.
    #[must_use]
    pub fn completed(&self) -> usize {
        self.shared.answers().completed.len()
    }

    /// Holds back what is answered before the database knows of it (published starts, redrives,
    /// cancellations), and waits until all that was answered so far is in the database.
    pub async fn hold_back(&self) {
        let shared = &self.shared;
        shared.quiet.store(true, Ordering::SeqCst);
        eventually(
            "what rests on the broker is in the database",
            Duration::from_secs(60),
            || async {
                let rests = shared.resting.load(Ordering::SeqCst) > 0;
                (!rests && shared.is_stored().await?).then_some(())
            },
        )
        .await;
    }

    /// Goes on with everything.
    pub fn go_on(&self) {
        self.shared.quiet.store(false, Ordering::SeqCst);
    }

    /// Starts nothing new from now on, and waits until every run has ended, and none can be taken up
    /// again by a redrive that was answered.
    pub async fn drain(&self, within: Duration) {
        self.shared.ending.store(true, Ordering::SeqCst);
        loop {
            // What parks is redriven.
            self.go_on();
            eventually("every run ends", within, || self.shared.all_ended()).await;
            self.hold_back().await;
            if self.shared.all_ended().await.is_some() {
                return;
            }
        }
    }

    /// Stops everything, and gives all that was answered.
    pub async fn stop(self) -> Answers {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for work in self.work {
            work.await.expect("the load goes on");
        }
        self.shared.answers().clone()
    }
}

impl Shared {
    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn published(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Begins something whose answer rests on the broker for a moment; not while that is held back.
    fn rest(&self) -> Option<Resting<'_>> {
        self.resting.fetch_add(1, Ordering::SeqCst);
        let resting = Resting(self);
        (!self.quiet.load(Ordering::SeqCst)).then_some(resting)
    }

    /// None: not yet, or nobody can say.
    async fn all_ended(&self) -> Option<()> {
        let counts = self.store.counts().await.ok()?;
        let open = counts.runs.iter().filter(|(status, _)| !status.is_terminal());
        let open: u64 = open.map(|(_, count)| count).sum();
        (self.starting.load(Ordering::SeqCst) == 0 && open == 0).then_some(())
    }

    async fn is_stored(&self) -> Option<bool> {
        let Answers { redriven, cancelled, .. } = self.answers().clone();
        let published = self.published().clone();
        for id in published.iter().chain(&cancelled) {
            let row = self.store.run_get(&RunId::parse(id).unwrap()).await.ok()?;
            let Some(row) = row else { return Some(false) };
            if cancelled.contains(id) && !row.status.is_terminal() {
                return Some(false);
            }
        }
        for id in &redriven {
            let row = self.store.dead_letter_get(id).await.ok()??;
            if row.status != DeadLetterStatus::Redriven {
                return Some(false);
            }
        }
        // Of those whose answer was lost, too: they are in the database, and happen.
        for asked in self.store.mail_overdue(i64::MAX, 10_000).await.ok()?.requests {
            let Some(letter) = asked.strip_prefix("redrive:") else { continue };
            if self.store.dead_letter_get(letter).await.ok()??.status == DeadLetterStatus::Open {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Starts a run under an id of its own, so that a start whose answer was lost is repeated.
    async fn start(&self, name: &str, id: &str, by_intake: bool) {
        loop {
            let resting = if by_intake { self.rest() } else { None };
            let taken = match &resting {
                Some(_) => self.publish(name, id).await,
                None => self.request(name, id).await,
            };
            if taken.is_some() {
                self.answers().accepted.insert(id.to_owned());
                if resting.is_some() {
                    self.published().insert(id.to_owned());
                }
                return;
            }
            drop(resting);
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn request(&self, name: &str, id: &str) -> Option<()> {
        let definition = format!("load/{name}:1.0.0");
        let request = json!({ "definition": definition, "id": id, "input": {} });
        let (status, body) = self.client.try_post("/v1/runs", &request).await?;
        let code = status.as_u16();
        assert!([200, 201, 409, 500, 503].contains(&code), "{status}: {body}");
        // Published first, and its acknowledgement was lost: then the intake's own request is it.
        let same = code == 409 && body["code"] == "run_exists";
        (code == 200 || code == 201 || same).then_some(())
    }

    async fn publish(&self, name: &str, id: &str) -> Option<()> {
        let subject = format!("kintsugi.in.start.load.{name}");
        let mut headers = Headers::default();
        headers.insert("Kintsugi-Run-Id", id);
        headers.insert("Nats-Msg-Id", id);
        let within = Duration::from_secs(5);
        let answer = self.bus.request_with(&subject, b"{}".to_vec(), headers, within).await.ok()?;
        let answer: Value = serde_json::from_slice(&answer).ok()?;
        answer["seq"].as_u64().map(drop)
    }

    async fn cancel(&self, id: &str) {
        while !self.has_stopped() {
            if let Some(_resting) = self.rest() {
                let path = format!("/v1/runs/{id}/cancel");
                if let Some((status, _)) = self.client.try_post(&path, &json!({})).await {
                    if status == 202 {
                        self.answers().cancelled.insert(id.to_owned());
                    }
                    if status.is_success() {
                        return;
                    }
                }
            }
            sleep(Duration::from_millis(200)).await;
        }
    }
}

struct Resting<'a>(&'a Shared);

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.resting.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn start_on(shared: Arc<Shared>, mut chance: Chance) {
    let mut number = 0;
    while !shared.has_stopped() {
        sleep(chance.pause(20, 110)).await;
        let (pick, by_intake) = (chance.below(NAMES.len() as u64), chance.below(4) == 0);
        let is_full = shared.starting.load(Ordering::SeqCst) >= UNDER_WAY_MAX;
        if is_full || shared.ending.load(Ordering::SeqCst) {
            continue;
        }
        let name = NAMES[usize::try_from(pick).unwrap()];
        let id = format!("{name}-{number}");
        number += 1;
        shared.starting.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            shared.start(name, &id, by_intake).await;
            if name == "waits" {
                shared.cancel(&id).await;
            }
            shared.starting.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Looks at runs here and there, and keeps what is said of those that are completed.
async fn watch(shared: Arc<Shared>, mut chance: Chance) {
    while !shared.has_stopped() {
        sleep(Duration::from_millis(40)).await;
        let one = {
            let answers = shared.answers();
            let unseen = answers.accepted.iter().filter(|id| !answers.completed.contains_key(*id));
            let unseen: Vec<&String> = unseen.collect();
            let pick = usize::try_from(chance.below(unseen.len() as u64)).unwrap();
            unseen.get(pick).map(|id| (*id).clone())
        };
        let Some(id) = one else { continue };
        let path = format!("/v1/runs/{id}/result?wait=0s");
        let Some((status, result)) = shared.client.try_get(&path).await else { continue };
        if status == 200 && result["status"] == "completed" {
            shared.answers().completed.insert(id, result["output"].clone());
        }
    }
}

/// Redrives every task that parks, and half of those that ended their run.
async fn redrive(shared: Arc<Shared>) {
    while !shared.has_stopped() {
        sleep(Duration::from_millis(300)).await;
        let path = "/v1/dead-letters?status=open&limit=100";
        let Some((_, found)) = shared.client.try_get(path).await else { continue };
        for letter in found["items"].as_array().into_iter().flatten() {
            let id = letter["id"].as_str().unwrap_or_default();
            let wanted =
                letter["outcome"] == "park" || id.bytes().map(usize::from).sum::<usize>() % 2 == 0;
            let Some(_resting) = shared.rest().filter(|_| wanted) else { continue };
            let input = json!({ "input": { "mode": "succeed", "output": "mended" } });
            let path = format!("/v1/dead-letters/{id}/redrive");
            if let Some((status, _)) = shared.client.try_post(&path, &input).await
                && status == 202
            {
                shared.answers().redriven.insert(id.to_owned());
            }
        }
    }
}
