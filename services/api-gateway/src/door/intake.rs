//! What was published to the intake stream, also while no engine ran. They go through the
//! same batches as all others; the id of a run follows from its message, so that a redelivery is
//! the same run. What cannot be accepted goes to the stream of rejected messages, and never loops.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use kintsugi_core::{DefinitionRef, RunId};
use kintsugi_gateway_ops::{self as ops, App, Problem, json};
use kintsugi_nats::{
    Error::{Invalid, Refused, TooLarge},
    IntakeDelivery, LifeEvent,
};
use serde_json::json;
use tracing::{debug, warn};

use super::{PAUSE, endpoints};

/// Messages that are taken up at once.
const BATCH: usize = 256;

/// Deliveries after which a message that we fail at, with everything else in order, is rejected.
const FAILURES_MAX: u64 = 5;

/// The longest pause before a message is delivered again.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// Takes up what is published, for ever.
pub(super) async fn take_up(app: &Arc<App>) {
    loop {
        match app.bus.intake().await {
            Ok(mut consumer) => loop {
                let batch = consumer.next(BATCH).await;
                if batch.is_empty() {
                    // The consumer has to be made anew.
                    break;
                }
                let (events, starts): (Vec<_>, Vec<_>) =
                    batch.iter().partition(|delivery| delivery.is_event());
                let starts = join_all(starts.into_iter().map(|delivery| one(app, delivery)));
                tokio::join!(starts, forward(app, &events));
            },
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "intake not open");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn one(app: &App, delivery: &IntakeDelivery) {
    let (definition, id) = match named(delivery) {
        Ok(named) => named,
        Err(problem) => return reject(app, delivery, None, &problem).await,
    };
    let settled = match accept(app, delivery, &definition, &id).await {
        Ok(()) => delivery.ack().await,
        Err(problem) if problem.status == 503 => give_back(delivery).await,
        Err(problem) if problem.status >= 500 && delivery.delivered < FAILURES_MAX => {
            give_back(delivery).await
        }
        Err(problem) => return reject(app, delivery, Some((&definition, &id)), &problem).await,
    };
    note(settled);
}

/// Brings events to the stream of all events. One that cannot be there holds nobody up.
async fn forward(app: &App, events: &[&IntakeDelivery]) {
    let together = app.bus.forward_events(events).await;
    for event in events {
        let done = match &together {
            Ok(()) => Ok(()),
            Err(_) => app.bus.forward_events(&[event]).await,
        };
        match done {
            Ok(()) => note(event.ack().await),
            Err(error @ (Refused { .. } | TooLarge { .. } | Invalid { .. })) => {
                let problem = Problem::bad_request("event_refused", error.to_string());
                reject(app, event, None, &problem).await;
            }
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "an event is not brought on yet");
                note(give_back(event).await);
            }
        }
    }
}

/// Which definition, and under which id.
fn named(delivery: &IntakeDelivery) -> Result<(DefinitionRef, RunId), Problem> {
    let [verb, namespace, name] = delivery.tokens.as_slice() else {
        let title =
            "the subject must be kintsugi.in.start.<namespace>.<name>, or kintsugi.in.event.<type>";
        return Err(Problem::bad_request("malformed_subject", title));
    };
    if verb != "start" {
        let title = format!("there is no `{verb}` to publish; only `start` and `event`");
        return Err(Problem::bad_request("malformed_subject", title));
    }
    let definition = endpoints::reference(namespace, name, &delivery.headers)?;
    let id = match (delivery.headers.get("Kintsugi-Run-Id"), &delivery.msg_id) {
        (Some(id), _) => RunId::parse(id)?,
        (None, Some(message)) => ops::start::derived_id(&definition, message),
        // Without an id, a message published twice is two runs, but one delivered twice is one.
        (None, None) => {
            let place = format!("\n{}@{}", delivery.stream_seq, delivery.published_at.0);
            ops::start::derived_id(&definition, &place)
        }
    };
    Ok((definition, id))
}

async fn accept(
    app: &App,
    delivery: &IntakeDelivery,
    definition: &DefinitionRef,
    id: &RunId,
) -> Result<(), Problem> {
    let key = delivery.headers.get("Kintsugi-Idempotency-Key");
    let wanted = ops::start::Wanted {
        definition: definition.clone(),
        input: json::payload(&delivery.payload)?,
        id: Some(id.clone()),
        key: key.map(|key| ops::start::checked_key(key.to_owned())).transpose()?,
        trace_parent: delivery.headers.get("traceparent").map(str::to_owned),
    };
    ops::start::start(app, wanted).await.map(|_| ())
}

async fn give_back(delivery: &IntakeDelivery) -> Result<(), kintsugi_nats::Error> {
    let doublings = u32::try_from(delivery.delivered.saturating_sub(1).min(5)).unwrap_or(5);
    let pause = (PAUSE * 2_u32.pow(doublings)).min(BACKOFF_MAX);
    delivery.nak(Some(pause)).await
}

/// Puts the message where people look for it, says so, and takes it off the intake: in this order,
/// so that it is never nowhere.
async fn reject(
    app: &App,
    delivery: &IntakeDelivery,
    named: Option<(&DefinitionRef, &RunId)>,
    problem: &Problem,
) {
    let reason = match &problem.detail {
        Some(detail) => format!("{} ({}): {detail}", problem.title, problem.code),
        None => format!("{} ({})", problem.title, problem.code),
    };
    let mut headers = delivery.headers.clone();
    headers.insert("Kintsugi-Subject", &delivery.subject);
    headers.insert("Kintsugi-Code", &problem.code);
    let kept = app.bus.reject_with("intake", &reason, &delivery.payload, &headers).await;
    if let Err(error) = kept {
        warn!(error = &error as &dyn std::error::Error, "a rejected start could not be kept yet");
        return note(give_back(delivery).await);
    }
    if let Some((definition, run)) = named {
        let now = kintsugi_runtime::now();
        let data =
            json!({ "code": problem.code, "title": problem.title, "detail": problem.detail });
        let id = format!("{run}:rejected:{}", delivery.stream_seq);
        let event = LifeEvent::new(definition, run, "workflow.rejected", id, now, data);
        if let Err(error) = app.bus.publish_life(&[event]).await {
            debug!(error = &error as &dyn std::error::Error, "no life event for a rejected start");
        }
    }
    note(delivery.term(&problem.code).await);
}

/// An ack that was not sent means another delivery, which changes nothing.
fn note(settled: Result<(), kintsugi_nats::Error>) {
    if let Err(error) = settled {
        debug!(error = &error as &dyn std::error::Error, "an intake message stays unsettled");
    }
}
