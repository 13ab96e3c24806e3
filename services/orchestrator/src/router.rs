//! From published events to the runs that listen, and to the definitions that they start.
//!
//! One orchestrator at a time brings them, so that runs hear of them in the order of the stream. An event is kept in the inbox of each run that may want it,
//! in one transaction, before it is acknowledged; whether a run really wants it, its machine says.

use std::{collections::BTreeSet, time::Duration};

use kintsugi_core::{Input, RunId};
use kintsugi_deciding::Routes;
use kintsugi_entities::{MailLimit, MailRow};
use kintsugi_nats::{Headers, PublishedConsumer, PublishedDelivery, Rejected, RunInput};
use kintsugi_runtime::{Deps, Part, Places, Shutdown, now};
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::{
    Error,
    occasions::{Occasions, Told},
    ownership::{has_first, left_first},
};

/// Events that are brought to their runs at once.
const BATCH: usize = 256;

/// Runs that one statement finds.
const PAGE: u32 = 2_000;

/// Before what failed is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long what was asked for before the partition went may take to come.
const LATE: Duration = Duration::from_millis(50);

/// Brings events to runs until `shutdown`, while `shares` has the partition.
pub(crate) async fn run(
    deps: Deps,
    mut shares: watch::Receiver<BTreeSet<u16>>,
    part: Part,
    shutdown: Shutdown,
) {
    let places = Places::default();
    while has_first(&mut shares, &shutdown).await {
        match deps.bus.published().await {
            Ok(consumer) => {
                bring_all(&deps, &places, consumer, &part, (&mut shares, &shutdown)).await;
            }
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "no published events yet");
                shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
    }
}

/// Until the partition goes to another, or the process stops.
async fn bring_all(
    deps: &Deps,
    places: &Places,
    mut consumer: PublishedConsumer,
    part: &Part,
    (shares, shutdown): (&mut watch::Receiver<BTreeSet<u16>>, &Shutdown),
) {
    let mut occasions = Occasions::new(deps.clone());
    loop {
        let batch = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = left_first(shares) => break,
            batch = consumer.next(BATCH) => batch,
        };
        let at_work = part.begin();
        let routed = route(deps, places, &mut occasions, &batch).await;
        drop(at_work);
        let settled = match routed {
            Ok(()) => ack(&batch).await,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "events not routed yet");
                give_back(&batch, PAUSE).await
            }
        };
        if let Err(error) = settled {
            // They come again, and are known by their keys.
            debug!(error = &error as &dyn std::error::Error, "events stay unsettled");
        }
    }
    let mut left = BATCH;
    while left > 0
        && let Ok(late) = tokio::time::timeout(LATE, consumer.next(left)).await
    {
        left = left.saturating_sub(late.len());
        if let Err(error) = give_back(&late, Duration::ZERO).await {
            debug!(error = &error as &dyn std::error::Error, "events stay unsettled");
        }
    }
}

async fn ack(batch: &[PublishedDelivery]) -> Result<(), kintsugi_nats::Error> {
    for delivery in batch {
        delivery.ack().await?;
    }
    Ok(())
}

async fn give_back(
    batch: &[PublishedDelivery],
    pause: Duration,
) -> Result<(), kintsugi_nats::Error> {
    for delivery in batch {
        delivery.nak(Some(pause)).await?;
    }
    Ok(())
}

async fn route(
    deps: &Deps,
    places: &Places,
    occasions: &mut Occasions,
    batch: &[PublishedDelivery],
) -> Result<(), Error> {
    let (mut routes, mut sent, mut told) = (Routes::default(), Vec::new(), Vec::new());
    for delivery in batch {
        let event = match &delivery.event {
            Ok(event) => event,
            Err(rejected) => {
                let mut headers = Headers::default();
                headers.insert("Kintsugi-Subject", &delivery.subject);
                let (reason, raw) = (&rejected.reason, &rejected.raw);
                deps.bus.reject_with("cloudevents", reason, raw, &headers).await?;
                continue;
            }
        };
        let (key, bytes) = routes.add(event, places.next());
        if delivery.is_ours() {
            sent.push(key.clone());
        }
        told.push(Told { key, event: event.clone(), bytes });
    }
    let types = routes.types();
    let mut after = None;
    while !types.is_empty() {
        let (listening, next) = deps.store.listening(&types, after.as_ref(), PAGE).await?;
        bring(deps, &routes, listening).await?;
        after = next;
        if after.is_none() {
            break;
        }
    }
    occasions.tell(&told).await?;
    // Last: until all of it is done, what runs emitted must be there to be published again.
    if !sent.is_empty() {
        deps.store.mail_route(&[], MailLimit::default(), &sent).await?;
    }
    Ok(())
}

/// Keeps the events for these runs, and says so.
async fn bring(
    deps: &Deps,
    routes: &Routes,
    listening: Vec<(RunId, Option<String>)>,
) -> Result<(), Error> {
    let (rows, runs) = routes.bring(listening, now().0);
    if rows.is_empty() {
        return Ok(());
    }
    let refused = deps.store.mail_route(&rows, MailLimit::default(), &[]).await?;
    let hints = runs.into_iter().map(|run| RunInput { run, input: Input::Mail }).collect();
    if let Err(error) = deps.bus.publish_inputs(hints, deps.partitions).await {
        // The reconciler finds what lies in an inbox.
        debug!(error = &error as &dyn std::error::Error, "runs not told of their events yet");
    }
    let refused = rows.iter().filter(|row| refused.contains(&(row.run.clone(), row.key.clone())));
    for row in refused {
        put_aside(deps, row).await?;
    }
    Ok(())
}

/// An event for which its run has no room left is kept where people look for it, with an alarm.
async fn put_aside(deps: &Deps, row: &MailRow) -> Result<(), Error> {
    let mut headers = Headers::default();
    headers.insert("Kintsugi-Code", "inbox_full");
    headers.insert("Kintsugi-Run-Id", row.run.as_str());
    let run = &row.run;
    let reason = format!("the run {run} keeps as many events as it may that it did not take");
    let rejected = Rejected { reason, raw: row.event.clone() };
    let id = format!("inbox_full:{run}:{}", row.key);
    Ok(deps.bus.reject_once(&id, "cloudevents", &rejected, &headers).await?)
}
