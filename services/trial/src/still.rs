//! Whether anything moves, and whether what was answered is in the database.

use std::{
    collections::BTreeMap,
    sync::atomic::Ordering,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kintsugi_core::RunId;
use kintsugi_entities::{DeadLetterStatus, RunRow};

use crate::{definitions::NAMESPACE, load::Shared};

/// Runs that are read at once.
const PAGE: u32 = 200;

/// A run that was not changed for so long and says what it waits for is not under way: longer than any
/// pause after a first failure.
const STILL: Duration = Duration::from_secs(10);

impl Shared {
    /// Whether every run has ended, or is none of ours and waits for something that the engine names.
    /// None: nobody can say.
    pub(crate) async fn is_still(&self) -> Option<bool> {
        if self.starting.load(Ordering::SeqCst) > 0 {
            return Some(false);
        }
        let (mut after, mut waiting) = (None, BTreeMap::new());
        loop {
            let page = self.store.runs_open_page(after.as_ref(), PAGE).await.ok()?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            for run in page {
                let is_own = run.definition.starts_with(&format!("{NAMESPACE}/"))
                    && self.subjects.iter().all(|subject| subject.is_own);
                if is_own {
                    return Some(false);
                }
                let Some(what) = self.waits_for(&run).await? else { return Some(false) };
                waiting.insert(run.id.to_string(), (run.version, what));
            }
        }
        self.kept().waiting = waiting;
        Some(true)
    }

    /// What a run waits for; none: it moves. Outer none: nobody can say.
    async fn waits_for(&self, run: &RunRow) -> Option<Option<String>> {
        let known = self.kept().waiting.get(run.id.as_str()).cloned();
        if let Some((_, what)) = known.filter(|(version, _)| *version == run.version) {
            return Some(Some(what));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_millis();
        let changed = u128::try_from(run.updated_at).ok()?;
        if now < changed + STILL.as_millis() {
            return Some(None);
        }
        let (status, told) = self.client.get(&format!("/v1/runs/{}/explain", run.id)).await?;
        if status != 200 {
            return None;
        }
        let waits = told["state"] == "waiting" || told["state"] == "stuck";
        Some(waits.then(|| told["summary"].as_str().unwrap_or_default().to_owned()))
    }

    /// Whether the database knows of all that was answered. What was seen once is not looked at again.
    pub(crate) async fn is_stored(&self) -> Option<bool> {
        let (published, cancelled, redriven) = {
            let kept = self.kept();
            (kept.published.clone(), kept.cancelled.clone(), kept.redriven.clone())
        };
        for id in published {
            if self.store.run_get(&RunId::parse(&id).ok()?).await.ok()?.is_none() {
                return Some(false);
            }
            self.kept().published.remove(&id);
        }
        for id in cancelled {
            let row = self.store.run_get(&RunId::parse(&id).ok()?).await.ok()?;
            if !row.is_some_and(|row| row.status.is_terminal()) {
                return Some(false);
            }
            self.kept().cancelled.remove(&id);
        }
        for id in redriven {
            let row = self.store.dead_letter_get(&id).await.ok()?;
            if row.is_none_or(|row| row.status != DeadLetterStatus::Redriven) {
                return Some(false);
            }
            self.kept().redriven.remove(&id);
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
}
