//! What an owner that was killed between its commit and its publish left unsaid.
//!
//! It is never said again under its old epoch: a broker that was restarted, or whose stream was made
//! anew, has forgotten the message ids of what was executed and acknowledged meanwhile, and would
//! hand it out once more. So the failure detector is asked, at once instead of with the attempt's own
//! check; what no queue and no worker has is given out again under a new epoch.

use std::collections::BTreeMap;

use kintsugi_core::RunId;
use kintsugi_deciding::{Unsaid, decode};
use kintsugi_nats::WakeHint;
use kintsugi_runtime::Deps;
use tracing::info;

use crate::Error;

/// How many runs one statement reads.
const PAGE: u32 = 500;

/// Asks after every attempt of these partitions that nothing was heard of and that nobody asked
/// after yet, tells of tasks that wait for a permit, and of the earliest deadline. A question that is lost is asked again by its run.
///
/// # Errors
///
/// When the store cannot be read or there is no connection.
pub(crate) async fn ask(deps: &Deps, partitions: &BTreeMap<u16, i64>) -> Result<(), Error> {
    let (mut unsaid, mut after) = (Unsaid::default(), None::<RunId>);
    loop {
        let page = deps.store.runs_open_page(after.as_ref(), PAGE).await?;
        let full = page.len() >= PAGE as usize;
        after = page.last().map(|row| row.id.clone());
        let own = page.into_iter().filter(|row| partitions.contains_key(&row.partition));
        for (id, run) in own.filter_map(decode) {
            unsaid.look(&id, &run.state);
        }
        if !full {
            break;
        }
    }
    let Unsaid { questions, queued, wake_at } = unsaid;
    // Whoever grants permits may not have heard that they wait.
    deps.bus.permits(&queued).await?;
    if let Some(at) = wake_at {
        deps.bus.wake_hint(WakeHint { at }).await?;
    }
    if !questions.is_empty() {
        info!(attempts = questions.len(), "asking after what was given out lately");
        deps.bus.verify(&questions).await?;
    }
    Ok(())
}
