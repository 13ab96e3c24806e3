//! Which partitions this orchestrator should have, and has.

use std::{collections::BTreeSet, time::Duration};

use futures::StreamExt;
use kintsugi_deciding::{Incarnation, Members, Owned, SUSPECT};
use kintsugi_nats::{Liveness, stream};
use kintsugi_runtime::{Deps, Shutdown, asked_as, sign_of_life};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tracing::{info, warn};

use crate::Error;

/// How long a new orchestrator listens before it takes a share: a beat and a margin, though whoever is there
/// answers its first beat at once. One that is alone in its process with the only engine takes all at once.
const LISTEN_FIRST: Duration = Duration::from_millis(600);

/// The shortest and the longest between two looks for silence. One that comes much later than it should
/// says that this process was frozen.
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));

/// How long one that is there may take to say that it lives.
const ANSWER_MAX: Duration = Duration::from_secs(1);

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
    let mut next = Instant::now();
    let mut heard_since = Instant::now();
    let mut asked = JoinSet::<Asked>::new();
    while !shutdown.is_cancelled() {
        let Ok(beats) = deps.bus.service_beats().await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        futures::pin_mut!(beats);
        // Who is there says so at once when it hears of a new one.
        say(&deps).await;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                beat = beats.next() => match beat {
                    Some(beat) => {
                        let now = Instant::now();
                        let before = members.standing(now.into_std()).0;
                        let is_new = members.heard(&beat, now.into_std());
                        if members.standing(now.into_std()).0 != before {
                            next = next.min(now + LOOK.0);
                        }
                        if is_new {
                            say(&deps).await;
                        }
                    }
                    None => break,
                },
                Some(Ok((name, liveness))) = asked.join_next() => {
                    let silent = matches!(liveness, Ok(Liveness::NoResponders | Liveness::Silent));
                    if silent && members.is_dead(&name) {
                        warn!(orchestrator = name, ?liveness, "an orchestrator is lost");
                        next = Instant::now();
                    }
                }
                () = sleep_until(next) => {
                    // Without a connection nobody is heard, nor while this process was frozen, which
                    // says nothing about them.
                    let frozen = next.elapsed() > SUSPECT - LOOK.0;
                    let looked = Instant::now();
                    next = looked + LOOK.0;
                    if !deps.bus.is_connected() {
                        heard_since = looked;
                    }
                    if frozen || heard_since == looked {
                        members.listen_anew(looked.into_std());
                    }
                    if heard_since.elapsed() < LISTEN_FIRST {
                        continue;
                    }
                    for name in members.suspects(Instant::now().into_std()) {
                        asked.spawn(ask(deps.clone(), name));
                    }
                    let share = members.share(deps.partitions, Instant::now().into_std());
                    let rest = members.standing(Instant::now().into_std()).1;
                    next = Instant::now() + rest.clamp(LOOK.0, LOOK.1);
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
    // So that the failure detector knows who has what, and since when.
    deps.announce.claimed(crate::NAME);
    say(deps).await;
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

/// An orchestrator, and what is known of it.
type Asked = (String, Result<Liveness, kintsugi_nats::Error>);

/// Two signals before partitions are taken: no beat, and no answer. Where the broker itself says that
/// nobody is there, that takes no time.
async fn ask(deps: Deps, name: String) -> Asked {
    let liveness = deps.bus.ping_worker(&asked_as(crate::NAME, &name), ANSWER_MAX).await;
    (name, liveness)
}

/// A sign of life beside the regular ones.
async fn say(deps: &Deps) {
    let beat = sign_of_life(crate::NAME, deps, false);
    // The regular one comes soon.
    let _ = deps.bus.service_beat(&beat).await;
}
