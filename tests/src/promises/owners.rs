//! P2: everything open has an owner and a deadline, now. What is between two owners at one look is
//! in order; what is so at look after look, for longer than mending takes, is not.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use kintsugi_core::{ChildPhase, ChildTask, Phase, RunState, Status, TaskView};
use kintsugi_entities::{DeadLetterFilter, DeadLetterStatus, Page, Store};
use kintsugi_nats::{Bus, TaskMessage, stream};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::Record;
use crate::{Client, streams};

/// Within this a breach is mended; what took longer is said.
const MENDED: Duration = Duration::from_secs(5);

/// A timer that is late by more than this was not heard.
const LATE_MS: i64 = 1_000;

/// Who holds what outside the runs' own rows.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Attempts whose message waits in the stream and was delivered to nobody.
    pub queued: BTreeSet<(String, u64)>,
    /// Attempts that live workers say they hold, each with the workers.
    pub leases: BTreeMap<(String, u64), Vec<String>>,
    /// Dead letters that are open.
    pub letters: BTreeSet<String>,
    /// The time, in milliseconds since 1970.
    pub now: i64,
}

/// Something open that nobody answers for.
pub type Unowned = String;

/// Whatever is open in these runs and has no owner, too many, or no deadline.
#[must_use]
pub fn unowned(runs: &[Record], holdings: &Holdings) -> BTreeSet<Unowned> {
    let mut found = BTreeSet::new();
    for run in runs.iter().filter(|run| !run.status.is_terminal()) {
        let id = &run.id;
        match (deadline(&run.state), run.wake_at) {
            (Some(due), None) => drop(found.insert(format!("{id} has no timer, due {due}"))),
            (Some(due), Some(at)) if at > due => {
                found.insert(format!("{id} is woken at {at}, due {due}"));
            }
            (_, Some(at)) if at + LATE_MS < holdings.now => {
                found.insert(format!("{id} was to be woken at {at}"));
            }
            _ => {}
        }
        for task in run.state.tasks() {
            if let Some(what) = problem(&format!("{id}:{}", task.task), &task, holdings) {
                found.insert(format!("{id}:{} under {}: {what}", task.task, task.state.epoch));
            }
        }
        let waits = |child: &ChildTask| matches!(child.phase, ChildPhase::Open { .. });
        let is_idle = run.status == Status::Running
            && !run.state.tasks().any(is_busy)
            && !run.state.children().any(waits);
        if is_idle && run.state.pending.is_empty() {
            found.insert(format!("{id} runs, and nothing is under way"));
        }
    }
    found
}

fn is_busy(task: TaskView<'_>) -> bool {
    !matches!(task.state.phase, Phase::DeadLettered | Phase::Interrupted)
}

fn deadline(state: &RunState) -> Option<i64> {
    state.wake_at().map(|at| at.0)
}

fn problem(name: &str, task: &TaskView<'_>, holdings: &Holdings) -> Option<String> {
    let attempt = (name.to_owned(), task.state.epoch);
    let holders = holdings.leases.get(&attempt).map_or(&[][..], Vec::as_slice);
    let queued = holdings.queued.contains(&attempt);
    match &task.state.phase {
        Phase::Dispatched { .. } | Phase::Started { .. } if holders.len() > 1 => {
            Some(format!("held by {holders:?}"))
        }
        Phase::Dispatched { .. } if holders.is_empty() && !queued => {
            Some("given out, not queued, held by nobody".to_owned())
        }
        Phase::Started { worker, .. } if holders.is_empty() => {
            Some(format!("started by {worker}, held by nobody"))
        }
        Phase::DeadLettered => {
            let letter = format!("{name}:{}", task.state.epoch);
            (!holdings.letters.contains(&letter)).then(|| "dead, and no letter".to_owned())
        }
        Phase::Interrupted => Some("interrupted in a run that goes on".to_owned()),
        _ => None,
    }
}

/// Looks at a running engine.
pub struct Owners {
    store: Store,
    bus: Bus,
    client: Client,
}

impl Owners {
    /// Looks through these.
    #[must_use]
    pub fn new(store: Store, bus: Bus, client: Client) -> Self {
        Self { store, bus, client }
    }

    /// Waits until whatever has no owner now has had one since, and says how long that took. What
    /// is opened meanwhile is for the next look.
    pub async fn settled(&self, within: Duration) -> Duration {
        let began = Instant::now();
        let mut left: Option<BTreeSet<Unowned>> = None;
        let mut last = BTreeSet::new();
        loop {
            if let Some(seen) = self.look().await {
                let still = match left.take() {
                    Some(before) => before.intersection(&seen).cloned().collect(),
                    None => seen,
                };
                if still.is_empty() {
                    if began.elapsed() > MENDED {
                        println!("for {:?} without an owner: {last:?}", began.elapsed());
                    }
                    return began.elapsed();
                }
                last.clone_from(&still);
                left = Some(still);
            }
            let late = began.elapsed() >= within;
            assert!(!late, "P2: without an owner for {within:?}: {left:#?}");
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// One look; none where something cannot be looked at.
    async fn look(&self) -> Option<BTreeSet<Unowned>> {
        let (mut runs, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.runs_open_page(after.as_ref(), 500).await.ok()?;
            let Some(last) = page.last().map(|row| row.id.clone()) else { break };
            after = Some(last);
            runs.extend(page.into_iter().map(Record::of));
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let holdings = Holdings {
            queued: self.queued().await?,
            leases: self.leases().await?,
            letters: self.letters().await?,
            now: i64::try_from(now.as_millis()).ok()?,
        };
        Some(unowned(&runs, &holdings))
    }

    async fn queued(&self) -> Option<BTreeSet<(String, u64)>> {
        let delivered = streams::delivered(&self.bus, stream::TASKS).await?;
        let messages = streams::try_messages(&self.bus, stream::TASKS).await?;
        let waiting = messages
            .into_iter()
            .filter(|message| delivered.get(&message.subject).is_none_or(|seq| message.seq > *seq));
        let tasks = waiting.filter_map(|message| {
            let task: TaskMessage = serde_json::from_slice(&message.payload).ok()?;
            Some((task.task, task.epoch))
        });
        Some(tasks.collect())
    }

    async fn leases(&self) -> Option<BTreeMap<(String, u64), Vec<String>>> {
        let (status, found) = self.client.try_get("/v1/workers").await?;
        let mut leases = BTreeMap::<_, Vec<String>>::new();
        for worker in found["items"].as_array().filter(|_| status == 200)? {
            if worker["alive"] != true {
                continue;
            }
            for lease in worker["leases"].as_array()? {
                let attempt = (lease["task"].as_str()?.to_owned(), lease["epoch"].as_u64()?);
                leases.entry(attempt).or_default().push(text(&worker["worker"]));
            }
        }
        Some(leases)
    }

    async fn letters(&self) -> Option<BTreeSet<String>> {
        let filter = DeadLetterFilter {
            status: Some(DeadLetterStatus::Open),
            ..DeadLetterFilter::default()
        };
        let (mut all, mut page) = (BTreeSet::new(), Page { limit: 500, cursor: None });
        loop {
            let found = self.store.dead_letters_list(&filter, page).await.ok()?;
            all.extend(found.items.into_iter().map(|letter| letter.id));
            let Some(cursor) = found.next else { return Some(all) };
            page = Page { limit: 500, cursor: Some(cursor) };
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
