//! P2 on a running engine: who holds what is asked of the broker, the gateway and the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use kintsugi_entities::{DeadLetterFilter, DeadLetterStatus, Page, Store};
use kintsugi_nats::{Bus, TaskMessage, stream};
use kintsugi_promises::{Holdings, Record, Unowned, streams, unowned};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::Client;

/// Within this a breach is mended; what took longer is said.
const MENDED: Duration = Duration::from_secs(5);

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
            runs.extend(page.into_iter().map(|row| Record::of(row).unwrap()));
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
        let delivered = streams::delivered(&self.bus, stream::TASKS).await.ok()?;
        let messages = streams::messages(&self.bus, stream::TASKS).await.ok()?;
        let waiting = messages
            .into_iter()
            .filter(|message| delivered.get(&message.subject).is_none_or(|seq| message.seq > *seq));
        let tasks = waiting.flat_map(|message| {
            let several = serde_json::from_slice::<Vec<TaskMessage>>(&message.payload);
            let one = |_| serde_json::from_slice(&message.payload).map(|task| vec![task]);
            several.or_else(one).unwrap_or_default()
        });
        Some(tasks.map(|task: TaskMessage| (task.task, task.epoch)).collect())
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
        // A task whose letter was discarded is parked as before: the letter still says so.
        let filter = DeadLetterFilter::default();
        let (mut all, mut page) = (BTreeSet::new(), Page { limit: 500, cursor: None });
        loop {
            let found = self.store.dead_letters_list(&filter, page).await.ok()?;
            let kept = found.items.into_iter().filter(|it| it.status != DeadLetterStatus::Redriven);
            all.extend(kept.map(|letter| letter.id));
            let Some(cursor) = found.next else { return Some(all) };
            page = Page { limit: 500, cursor: Some(cursor) };
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
