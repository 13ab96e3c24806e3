//! What lies where it should not: events in an inbox that nobody was told of or in an outbox from
//! which nobody published, and requests that did not reach their runs.

use std::time::{Duration, Instant};

use kintsugi_core::{CloudEvent, Input, RunId};
use kintsugi_entities::{Overdue, RequestRow};
use kintsugi_mending::Again;
use kintsugi_nats::RunInput;
use kintsugi_runtime::{Deps, Reconciler, now};
use tracing::{error, info};

use crate::Error;

/// How old something must be to be looked after: whoever brought it is mostly still at it.
pub(crate) const OVERDUE_MS: i64 = 5_000;

/// How often it is looked for when the scan found nothing: the scan looks for the same.
pub(crate) const PERIOD: Duration = Duration::from_secs(60);

/// How long a redrive is asked for again. What its run did not take by then it never will: the task is
/// no longer there.
const ASKED_MAX_MS: i64 = 24 * 3600 * 1_000;

/// How many one round takes.
const BATCH_MAX: u32 = 1_000;

/// Tells runs of the events in their inboxes, publishes what is in the outbox, and tells runs again
/// what was asked of them. All are harmless repeats: an event leaves either in the transaction that
/// takes it further, and a run that is cancelled or redriven is so once.
pub(crate) struct Mail {
    deps: Deps,
    told: Again<RunId>,
    sent: Again<String>,
    asked: Again<String>,
}

impl Mail {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps, told: Again::default(), sent: Again::default(), asked: Again::default() }
    }
}

impl Reconciler for Mail {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let Deps { store, bus, partitions, .. } = &self.deps;
        let (at, before) = (Instant::now(), now().0 - OVERDUE_MS);
        let Overdue { runs, sent, requests } = store.mail_overdue(before, BATCH_MAX).await?;
        let due = self.told.due(runs, RunId::clone, at);
        if !due.is_empty() {
            info!(runs = due.len(), "telling runs of events that wait");
            let hints = due.into_iter().map(|run| RunInput { run, input: Input::Mail });
            bus.publish_inputs(hints.collect(), *partitions).await?;
        }
        let due = self.sent.due(sent, String::clone, at);
        if !due.is_empty() {
            let due = store.outbox_get(&due).await?;
            info!(events = due.len(), "publishing events again");
            let events: Vec<CloudEvent> = due
                .iter()
                .filter_map(|row| {
                    let event = serde_json::from_slice(&row.event);
                    if let Err(problem) = &event {
                        let problem = problem as &dyn std::error::Error;
                        error!(error = problem, key = row.key, "a stored event cannot be read");
                    }
                    event.ok()
                })
                .collect();
            bus.publish_events(&events).await?;
        }
        let due = self.asked.due(requests, String::clone, at);
        if !due.is_empty() {
            let open = store.requests_settle(&due, now().0 - ASKED_MAX_MS).await?;
            let inputs: Vec<RunInput> = open.into_iter().filter_map(input).collect();
            if !inputs.is_empty() {
                info!(requests = inputs.len(), "telling runs again what was asked of them");
                bus.publish_inputs(inputs, *partitions).await?;
            }
        }
        Ok(())
    }
}

/// What the run is told.
pub(crate) fn input(row: RequestRow) -> Option<RunInput> {
    match serde_json::from_slice(&row.input) {
        Ok(input) => Some(RunInput { run: row.run, input }),
        Err(problem) => {
            let problem = &problem as &dyn std::error::Error;
            error!(error = problem, request = row.id, "a stored request cannot be read");
            None
        }
    }
}
