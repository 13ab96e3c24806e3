//! Workers that come back, with attempts that were given to others meanwhile.
//!
//! What they say of those is refused as their results are: it changes nothing, the recovery log says
//! that it came, and the worker is told to stop what it is at.

use std::collections::HashSet;

use kintsugi_core::{TaskKey, Timestamp};
use kintsugi_entities::RecoveryRow;
use kintsugi_mending::Zombie;
use kintsugi_nats::Cancel;
use kintsugi_runtime::{Deps, Shutdown, now};
use tokio::sync::mpsc;
use tracing::warn;

use crate::Error;

/// Rows that are remembered as written.
const RECORDED_MAX: usize = 50_000;

/// Heartbeats of zombies that may wait to be dealt with.
pub(crate) const WAITING_MAX: usize = 64;

/// Rows of one statement.
const ROWS_MAX: usize = 500;

/// Records that zombies spoke, and tells them to stop, until `shutdown`. Beside the listening: a
/// database that is slow must not make workers look silent. What fails, or does not fit the channel, is
/// made up for by the next heartbeat.
pub(crate) async fn refuse(deps: Deps, mut zombies: mpsc::Receiver<Vec<Zombie>>, stop: Shutdown) {
    let mut recorded = HashSet::new();
    while let Some(Some(mut some)) = stop.run_until_cancelled(zombies.recv()).await {
        while let Ok(more) = zombies.try_recv() {
            some.extend(more);
        }
        if let Err(error) = record(&deps, &some, &mut recorded).await {
            warn!(error = &error as &dyn std::error::Error, "zombies not recorded; tried again");
        }
    }
}

/// Each attempt has one row, and another one when it tells of progress. Killed between the row and the
/// word to the worker: it speaks again, and the row has the same name.
async fn record(
    deps: &Deps,
    zombies: &[Zombie],
    recorded: &mut HashSet<String>,
) -> Result<(), Error> {
    let at = now();
    let rows = zombies.iter().filter_map(|zombie| row(zombie, at));
    let mut rows: Vec<RecoveryRow> = rows.filter(|row| !recorded.contains(&row.id)).collect();
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    rows.dedup_by(|one, other| one.id == other.id);
    if !rows.is_empty() {
        warn!(attempts = rows.len(), worker = zombies[0].worker, "refused what came too late");
        for rows in rows.chunks(ROWS_MAX) {
            deps.store.recovery_note(rows).await?;
        }
        if recorded.len() > RECORDED_MAX {
            recorded.clear();
        }
        recorded.extend(rows.into_iter().map(|row| row.id));
    }
    let cancel = |zombie: &Zombie| Cancel { task: zombie.task.clone(), epoch: zombie.epoch };
    let cancels: Vec<Cancel> = zombies.iter().map(cancel).collect();
    deps.bus.cancel(&cancels).await?;
    Ok(())
}

fn row(zombie: &Zombie, at: Timestamp) -> Option<RecoveryRow> {
    let key = TaskKey::parse(&zombie.task).ok()?;
    let what = if zombie.progress { "heartbeat and progress" } else { "heartbeat" };
    Some(RecoveryRow {
        id: format!("zombie:{}:{}:{what}", zombie.task, zombie.epoch),
        at: at.0,
        kind: "zombie_refused".to_owned(),
        run: Some(key.run),
        task: Some(key.task),
        epoch: Some(zombie.epoch),
        worker: Some(zombie.worker.clone()),
        seen_at: at.0,
        decided: format!(
            "refused the {what} of epoch {}, which was taken over, and told the worker to stop",
            zombie.epoch
        ),
        outcome: "fenced".to_owned(),
        duration_ms: 0,
        by: "failure-detector".to_owned(),
    })
}
