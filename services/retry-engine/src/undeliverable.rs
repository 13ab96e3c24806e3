//! Tasks that the broker gave up delivering.

use std::time::Duration;

use kintsugi_core::{Input, LossCause};
use kintsugi_nats::{RunInput, TaskMessage};
use kintsugi_runtime::{Deps, Reconciler, now};
use tracing::warn;

use crate::Error;

/// How often advisories are looked for. They wait in a stream of their own, so nothing is lost
/// meanwhile; a task gets here only after 20 deliveries, so nobody waits for this either.
pub(crate) const PERIOD: Duration = Duration::from_secs(5);

/// How many advisories one round takes.
const BATCH_MAX: usize = 100;

/// Turns each max-deliver advisory into an input of the run, which dead-letters the task by the
/// same way as any other, and removes the message that nobody would ever see again.
pub(crate) struct Undeliverable {
    deps: Deps,
}

impl Undeliverable {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps }
    }
}

impl Reconciler for Undeliverable {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let bus = &self.deps.bus;
        for advisory in bus.advisories(BATCH_MAX).await? {
            if let Some(tasks) = bus.message_at(advisory.stream_seq).await? {
                let mut lost = Vec::with_capacity(tasks.len());
                for task in tasks {
                    match task {
                        Ok(task) => lost.push(undeliverable(task, advisory.deliveries)),
                        Err(rejected) => {
                            bus.reject("tasks", &rejected.reason, &rejected.raw).await?
                        }
                    }
                }
                bus.publish_inputs(lost, self.deps.partitions).await?;
                bus.delete_message(advisory.stream_seq).await?;
            }
            advisory.ack().await?;
        }
        Ok(())
    }
}

fn undeliverable(task: TaskMessage, deliveries: u64) -> RunInput {
    warn!(task = task.task, deliveries, "undeliverable");
    let (epoch, cause) = (task.epoch, LossCause::Undeliverable);
    let (task, run) = (task.number, task.run);
    RunInput {
        run,
        input: Input::Lost { task, epoch, cause, worker: None, seen_at: now(), blamed: None },
    }
}
