//! What an owner that was killed between its commit and its publish left unsaid.

use std::collections::BTreeMap;

use kintsugi_core::{Machine, Phase, RunId, Timestamp};
use kintsugi_runtime::Deps;
use tracing::info;

use crate::{
    Error,
    programs::Programs,
    publish::{Origin, Outbox},
    runs::decode,
};

/// Only what was given out within this many milliseconds is sent again: the stream drops repeats
/// for 120 s. What is older is looked for by its checks first, so that it never runs twice under
/// one epoch.
const RECENT_MS: u64 = 90_000;

/// How many runs one statement reads.
const PAGE: u32 = 500;

/// Everything that the open runs of these partitions gave out lately and heard nothing of. Message
/// ids are the same as before, so what was sent is dropped by the stream.
///
/// # Errors
///
/// When the store cannot be read.
pub(crate) async fn resend(
    deps: &Deps,
    programs: &mut Programs,
    partitions: &BTreeMap<u16, i64>,
    now: Timestamp,
) -> Result<Outbox, Error> {
    let (mut outbox, mut after) = (Outbox::default(), None::<RunId>);
    loop {
        let page = deps.store.runs_open_page(after.as_ref(), PAGE).await?;
        let full = page.len() >= PAGE as usize;
        after = page.last().map(|row| row.id.clone());
        let recent = page.into_iter().filter(|row| {
            partitions.contains_key(&row.partition)
                && now.since(Timestamp(row.updated_at)) < RECENT_MS
        });
        let runs: Vec<_> = recent.filter_map(decode).collect();
        programs.load(runs.iter().map(|(_, run)| run.definition.as_str())).await?;
        for (id, run) in runs {
            let Some(compiled) = programs.get(&run.definition) else { continue };
            let origin = Origin { definition: run.definition, trace_parent: run.trace_parent };
            let given_at: BTreeMap<u64, Timestamp> = run
                .state
                .tasks()
                .filter_map(|open| match open.state.phase {
                    Phase::Dispatched { at, .. } => Some((open.task, at)),
                    _ => None,
                })
                .collect();
            for effect in Machine::outstanding(&compiled.program, &run.state) {
                let kintsugi_core::Effect::Dispatch { task, .. } = &effect else { continue };
                let Some(at) = given_at.get(task).copied() else { continue };
                if now.since(at) < RECENT_MS {
                    outbox.add(deps, &id, &origin, effect, at);
                }
            }
        }
        if !full {
            if !outbox.tasks.is_empty() {
                info!(tasks = outbox.tasks.len(), "sending again what was given out lately");
            }
            return Ok(outbox);
        }
    }
}
