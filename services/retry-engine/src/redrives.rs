//! Redrives of many dead letters, step by step.

use std::{collections::HashMap, time::Duration};

use kintsugi_core::Input;
use kintsugi_entities::{RedrivePick, RedriveRow, RedriveStep, RequestRow};
use kintsugi_nats::RunInput;
use kintsugi_redriving::{Next, Plan, Progress, Status, edited, next, outcome};
use kintsugi_runtime::{Deps, Reconciler, now};
use serde_json::Value;
use tracing::{debug, error, info};

use crate::Error;

/// How often redrives are looked for when the scan found none that is due: the scan looks for the same.
pub(crate) const PERIOD: Duration = Duration::from_secs(60);

/// How soon a scan looks again after it found a redrive due: its next step is mostly no sooner.
pub(crate) const AGAIN: Duration = Duration::from_millis(100);

/// How many asked letters one round looks at. Of some it reads the state of the run.
const LOOKS_MAX: u32 = 200;

/// Takes the next step of each redrive that is due. What a step came to is written in one transaction, which
/// holds only for the version of the job that it was decided for; runs are told of it after. Killed before, nothing
/// has happened; killed between, what was asked lies in `requests`, and is told again.
pub(crate) struct Redrives {
    deps: Deps,
    /// By job, up to which number its letters were looked at last: they are many, and looked at in turn.
    looked: HashMap<String, i64>,
}

impl Redrives {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps, looked: HashMap::new() }
    }

    async fn step(&mut self, row: RedriveRow) -> Result<(), Error> {
        let Deps { store, bus, partitions, .. } = &self.deps;
        let Some((status, plan, progress)) = read(&row) else {
            error!(redrive = row.id, "a stored redrive cannot be read");
            // It is looked at again after a while, and so does not keep the scan awake.
            let again = RedriveRow { next_at: Some(now().0 + 60_000), ..row };
            store.redrive_change(&again).await?;
            return Ok(());
        };
        let after = self.looked.get(&row.id).copied().unwrap_or_default();
        let looks = store.redrive_look(&row.id, after, LOOKS_MAX).await?;
        let is_last = looks.len() < LOOKS_MAX as usize;
        let last = looks.last().filter(|_| !is_last).map_or(0, |look| look.n);
        self.looked.insert(row.id.clone(), last);
        let decided: Vec<_> =
            looks.iter().filter_map(|look| Some((look.n, outcome(look)?))).collect();
        let counts = store.redrive_counts(std::slice::from_ref(&row.id)).await?;
        let mut counts = counts.get(&row.id).copied().unwrap_or_default();
        for (_, state) in &decided {
            counts.undecided = counts.undecided.saturating_sub(1);
            *counts.of(*state) += 1;
        }
        let at = now().0;
        let Next { status: then, progress, ask, next_at } =
            next(&plan, status, &progress, &counts, at);
        // There are more of them to look at, which may change what follows.
        let next_at = if is_last { next_at } else { next_at.map(|next| next.min(at + 200)) };
        let picks = if ask == 0 { Vec::new() } else { store.redrive_pick(&row.id, ask).await? };
        let patch = row.patch.as_deref().map(serde_json::from_slice::<Value>).transpose();
        let patch = patch.unwrap_or_default();
        let asks: Vec<_> =
            picks.iter().map(|pick| (pick.n, request(pick, patch.as_ref(), at))).collect();
        let row = RedriveRow {
            status: then.as_str().to_owned(),
            progress: serde_json::to_vec(&progress).unwrap_or_default(),
            next_at,
            ..row
        };
        let id = row.id.clone();
        let step = RedriveStep { row, decided, asks, at };
        let Some(asked) = store.redrive_step(&step).await? else {
            debug!(redrive = id, "it has changed meanwhile; looking again");
            return Ok(());
        };
        if then != status {
            info!(redrive = id, status = then.as_str(), why = progress.why(), "redrive changed");
        }
        if then.is_over() && next_at.is_none() {
            self.looked.remove(&id);
        }
        let asks = step.asks.into_iter().filter(|(n, _)| asked.contains(n));
        let told: Vec<RunInput> =
            asks.filter_map(|(_, request)| crate::mail::input(request?)).collect();
        if !told.is_empty() {
            debug!(redrive = id, letters = told.len(), "dead letters are redriven");
            bus.publish_inputs(told, *partitions).await?;
        }
        Ok(())
    }
}

impl Reconciler for Redrives {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        for row in self.deps.store.redrives_due(now().0).await? {
            self.step(row).await?;
        }
        Ok(())
    }
}

fn read(row: &RedriveRow) -> Option<(Status, Plan, Progress)> {
    let plan = serde_json::from_slice(&row.plan).ok()?;
    Some((Status::parse(&row.status)?, plan, serde_json::from_slice(&row.progress).ok()?))
}

/// What is asked of the letter's run; none: the letter is gone, or its input is none.
fn request(pick: &RedrivePick, patch: Option<&Value>, at: i64) -> Option<RequestRow> {
    let own = pick.input.as_deref()?;
    let input = match patch {
        Some(patch) => Some(edited(serde_json::from_slice(own).ok()?, patch)),
        None => None,
    };
    let told = Input::Redrive { task: pick.task, epoch: pick.epoch, input };
    Some(RequestRow {
        id: format!("redrive:{}", pick.letter),
        run: pick.run.clone(),
        about: Some(pick.letter.clone()),
        at,
        input: serde_json::to_vec(&told).ok()?,
    })
}
