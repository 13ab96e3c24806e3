//! Hints that something happened to a run, for those who wait for it: who gets one looks into the
//! store. Nobody stores them and any may be lost, so that they depend on no stream; but whoever
//! listens is told when some may have been missed.

use std::{collections::VecDeque, time::Duration};

use async_nats::{Message, Subscriber};
use futures::StreamExt;
use kintsugi_core::RunId;
use tokio::sync::watch;

use crate::{
    Bus, Error,
    message::{decode, encode},
    names,
};

/// Runs in one message at most.
const RUNS_MAX: usize = 1_000;

/// How long to wait for the broker's word that it knows of a subscription.
const SETTLE: Duration = Duration::from_secs(1);

/// That something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunHint {
    /// To this run.
    Of(RunId),
    /// Perhaps to any: hints may have been missed.
    Missed,
}

/// Hints as they come. The first is [`RunHint::Missed`], from which on none is missed unsaid.
pub struct RunHints {
    bus: Bus,
    messages: Subscriber,
    connections: watch::Receiver<u64>,
    dropped: watch::Receiver<u64>,
    read: fn(&Message) -> Vec<RunId>,
    ready: VecDeque<RunId>,
    unsettled: bool,
}

impl RunHints {
    async fn open(
        bus: &Bus,
        subject: &'static str,
        read: fn(&Message) -> Vec<RunId>,
    ) -> Result<Self, Error> {
        let (mut connections, mut dropped) = (bus.connections.clone(), bus.dropped.clone());
        connections.mark_unchanged();
        dropped.mark_unchanged();
        let messages = bus.client.subscribe(subject).await;
        let messages = messages.map_err(|error| Error::unavailable("listen for hints", error))?;
        let (bus, ready) = (bus.clone(), VecDeque::new());
        Ok(Self { bus, messages, connections, dropped, read, ready, unsettled: true })
    }

    /// The next hint; none when the bus is closed.
    pub async fn next(&mut self) -> Option<RunHint> {
        if self.unsettled {
            // What was sent before the answer to this, the broker knows. Without an answer, the
            // connection is lost, and its return is another change. Who stops waiting here is told
            // by the next call.
            let _answered = tokio::time::timeout(SETTLE, self.bus.ping()).await;
            self.unsettled = false;
            return Some(RunHint::Missed);
        }
        loop {
            if let Some(run) = self.ready.pop_front() {
                return Some(RunHint::Of(run));
            }
            tokio::select! {
                message = self.messages.next() => self.ready.extend((self.read)(&message?)),
                changed = self.connections.changed() => {
                    changed.ok()?;
                    self.unsettled = true;
                    return Some(RunHint::Missed);
                }
                changed = self.dropped.changed() => {
                    changed.ok()?;
                    return Some(RunHint::Missed);
                }
            }
        }
    }
}

impl Bus {
    /// Tells who waits that runs have ended.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn ended(&self, runs: &[RunId]) -> Result<(), Error> {
        self.hint(names::ENDED, runs).await
    }

    /// Hints that a run has ended.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn ended_hints(&self) -> Result<RunHints, Error> {
        RunHints::open(self, names::ENDED, runs_in).await
    }

    /// Tells who grants permits that these runs want some or gave some back.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn permits(&self, runs: &[RunId]) -> Result<(), Error> {
        self.hint(names::PERMITS, runs).await
    }

    /// Hints that a run wants permits or gave some back.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn permit_hints(&self) -> Result<RunHints, Error> {
        RunHints::open(self, names::PERMITS, runs_in).await
    }

    async fn hint(&self, subject: &str, runs: &[RunId]) -> Result<(), Error> {
        for part in runs.chunks(RUNS_MAX) {
            self.send_now(subject.to_owned(), encode(&part)?).await?;
        }
        Ok(())
    }

    /// Hints that anything happened to a run: lifecycle events as they pass, of which only the
    /// subject is read.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn life_hints(&self) -> Result<RunHints, Error> {
        let run = |message: &Message| {
            let run = message.subject.split('.').nth(4).map(RunId::parse);
            run.and_then(Result::ok).into_iter().collect()
        };
        RunHints::open(self, names::LIFE, run).await
    }
}

/// The runs that a hint names.
fn runs_in(message: &Message) -> Vec<RunId> {
    decode(&message.payload).unwrap_or_default()
}
