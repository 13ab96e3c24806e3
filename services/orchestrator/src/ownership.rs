//! Which partitions this orchestrator should have, and has.

use std::{collections::BTreeSet, time::Duration};

use futures::StreamExt;
use kintsugi_deciding::{Incarnation, Members, Owned};
use kintsugi_nats::stream;
use kintsugi_runtime::{Deps, Shutdown};
use tokio::{sync::watch, time::Instant};
use tracing::{info, warn};

use crate::Error;

/// How long a new orchestrator listens before it takes a share: two beats and a margin. One that
/// is alone in its process with the only engine takes all at once.
const LISTEN_FIRST: Duration = Duration::from_millis(1_200);

/// Whose share has this partition does what one orchestrator is enough for. Two may believe so for a
/// moment: what they do is fenced by rows, not by this.
const FIRST: u16 = 0;

/// Keeps the share that falls to this process, as the others come and go. Empty until it listened.
pub(crate) fn watch(deps: Deps, shutdown: Shutdown) -> watch::Receiver<BTreeSet<u16>> {
    let all: BTreeSet<u16> =
        if deps.alone { (0..deps.partitions).collect() } else { BTreeSet::new() };
    let (sender, receiver) = watch::channel(all);
    if !deps.alone {
        tokio::spawn(follow(deps, sender, shutdown));
    }
    receiver
}

/// Waits until this process has the first partition; `false`: it stops.
pub(crate) async fn has_first(
    shares: &mut watch::Receiver<BTreeSet<u16>>,
    shutdown: &Shutdown,
) -> bool {
    let is_ours = async { shares.wait_for(|share| share.contains(&FIRST)).await.is_ok() };
    shutdown.run_until_cancelled(is_ours).await == Some(true)
}

/// Ends once the first partition is another's. Who is alone has no other: `shares` never changes then.
pub(crate) async fn left_first(shares: &mut watch::Receiver<BTreeSet<u16>>) {
    if shares.wait_for(|share| !share.contains(&FIRST)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn follow(deps: Deps, shares: watch::Sender<BTreeSet<u16>>, shutdown: Shutdown) {
    let mut members = Members::new(deps.instance.clone());
    let mut looks = tokio::time::interval(Duration::from_millis(250));
    let mut heard_since = Instant::now();
    while !shutdown.is_cancelled() {
        let Ok(beats) = deps.bus.service_beats().await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        futures::pin_mut!(beats);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                beat = beats.next() => match beat {
                    Some(beat) => members.heard(&beat, Instant::now().into_std()),
                    None => break,
                },
                _ = looks.tick() => {
                    // Without a connection nobody is heard, which says nothing about them.
                    if !deps.bus.is_connected() {
                        heard_since = Instant::now();
                    }
                    if heard_since.elapsed() < LISTEN_FIRST {
                        continue;
                    }
                    let share = members.share(deps.partitions, Instant::now().into_std());
                    shares.send_if_modified(|known| {
                        let changed = *known != share;
                        if changed {
                            info!(partitions = share.len(), "share of partitions changed");
                            *known = share;
                        }
                        changed
                    });
                }
            }
        }
    }
}

/// Claims `share`. What it owns already and nobody took keeps its epoch.
///
/// # Errors
///
/// When the store or the bus fails.
pub(crate) async fn claim(deps: &Deps, share: &BTreeSet<u16>) -> Result<Owned, Error> {
    let ids: Vec<u16> = share.iter().copied().collect();
    let rows = deps.store.partitions_claim(&ids, &deps.instance).await?;
    let states = deps.bus.ensure_streams(&deps.stream_limits).await?;
    let events = states.into_iter().find(|state| state.name == stream::EVENTS);
    let events = events.map_or_else(Incarnation::default, |state| Incarnation {
        created: state.created.unwrap_or_default(),
        last_seq: state.last_seq,
    });
    let (owned, stale) = Owned::of(&rows, &events);
    if !stale.is_empty() {
        let stream = events.created;
        warn!(partitions = stale.len(), stream, "reading events from the start");
        deps.store.partitions_rewind(&stale, &stream, 0).await?;
    }
    Ok(owned)
}
