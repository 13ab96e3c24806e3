//! The connection to the broker.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::{Duration, Instant},
};

use async_nats::{
    Client,
    connection::State,
    jetstream::{self, ErrorCode},
};
use kintsugi_core::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;
use tokio_util::sync::DropGuard;
use tracing::{info, warn};

use crate::{Error, Options, incarnation::Connection, reconnect};

/// A half-open connection is noticed after three of these; the client's default takes minutes.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// How long answers and acknowledgements of the broker are waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take after the connection was made anew.
const ANSWERS_AFTER_RECONNECT: Duration = Duration::from_millis(250);

/// How many publishes may wait for their acknowledgement. The client would hold up all of them
/// for ever when as many callers as this each have sent a part of their batch; batches are bounded
/// here (see `publish`), so this need only be out of reach.
const UNACKED_MAX: usize = 1 << 20;

/// The bus. Cheap to clone; every clone uses the same connection, which is kept up for ever.
#[derive(Clone)]
pub struct Bus {
    pub(crate) client: Client,
    pub(crate) js: jetstream::Context,
    /// Counts connections; a change means that what was asked of the broker before is forgotten.
    pub(crate) connections: watch::Receiver<u64>,
    /// When the broker of the latest connection began.
    pub(crate) began: Arc<Mutex<Option<(Connection, Timestamp)>>>,
    /// Whether streams were there once: one that is missing then was deleted.
    pub(crate) had_streams: Arc<AtomicBool>,
    /// Ends what works for the bus beside it when nobody else uses it any more.
    pub(crate) _used: Option<Arc<DropGuard>>,
    /// Changes when messages were dropped because their reader was too slow.
    pub(crate) dropped: watch::Receiver<u64>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("connected", &self.is_connected()).finish_non_exhaustive()
    }
}

impl Bus {
    /// Connects, and from then on reconnects for ever.
    ///
    /// # Errors
    ///
    /// When the options make no sense, or no connection was made within `options.wait`.
    pub async fn connect(options: &Options) -> Result<Self, Error> {
        let (counter, connections) = watch::channel(0_u64);
        let (slow, dropped) = watch::channel(0_u64);
        let trouble = Arc::new(Mutex::new(None::<String>));
        let noted = Arc::clone(&trouble);
        let events = move |event| {
            note(&event, (&counter, &slow), &noted);
            std::future::ready(())
        };
        let client = options
            .client()
            .await?
            .name(&options.name)
            .ping_interval(PING_INTERVAL)
            .request_timeout(Some(ANSWER_TIMEOUT))
            .connection_timeout(ANSWER_TIMEOUT)
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(reconnect::before_attempt())
            .event_callback(events)
            .connect(options.addresses()?)
            .await
            .map_err(|error| Error::refused("take the address", error))?;
        let js = jetstream::context::ContextBuilder::new()
            .timeout(ANSWER_TIMEOUT)
            .max_ack_inflight(UNACKED_MAX)
            .build(client.clone());
        let (began, had_streams) = Default::default();
        let bus = Self { client, js, connections, began, had_streams, _used: None, dropped };
        if !bus.connected_within(options.wait).await {
            let action = "connect to the broker";
            // The client tells no more of a failed attempt than its kind, so one more is made for the cause.
            if let Err(cause) = options.client().await?.connect(options.addresses()?).await {
                return Err(Error::unavailable(action, cause));
            }
            let reason = trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
            let reason = reason.unwrap_or_else(|| "it does not answer".to_owned());
            return Err(Error::unavailable(action, reason));
        }
        Ok(bus.look_at_each_connection())
    }

    /// Whether the connection is up, as far as is known.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Asks the broker's stream engine for a sign of life, and gives how long that took.
    ///
    /// # Errors
    ///
    /// When it does not answer, or streams are not enabled.
    pub async fn ping(&self) -> Result<Duration, Error> {
        let begin = Instant::now();
        let _: serde_json::Value = self.api("reach the broker", "", "INFO", &()).await?;
        Ok(begin.elapsed())
    }

    /// Waits until the connection is up; `false` when it is not after `patience`.
    pub(crate) async fn connected_within(&self, patience: Duration) -> bool {
        let mut connections = self.connections.clone();
        let up = async {
            while !self.is_connected() {
                // The state is set before the event: look again now and then rather than miss it.
                let _ =
                    tokio::time::timeout(Duration::from_millis(20), connections.changed()).await;
            }
        };
        tokio::time::timeout(patience, up).await.is_ok()
    }

    /// Gives up on an answer soon after the connection was made anew: what was asked on the old one
    /// is forgotten, what waited for the new one is answered at once.
    pub(crate) async fn or_lost<T>(
        &self,
        action: &'static str,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut connections = self.connections.clone();
        connections.mark_unchanged();
        let lost = async {
            if connections.changed().await.is_err() {
                // Nothing connects any more; the answer has its own time limit.
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(ANSWERS_AFTER_RECONNECT).await;
        };
        tokio::select! {
            biased;
            answer = answer => answer,
            () = lost => Err(Error::unavailable(action, "the connection was made anew")),
        }
    }

    /// Refuses at once what would only be sent when the connection is up again: signs of life and
    /// hints are worth nothing by then.
    pub(crate) async fn send_now(&self, subject: String, body: Vec<u8>) -> Result<(), Error> {
        if !self.is_connected() {
            return Err(Error::unavailable("send to the broker", "not connected"));
        }
        let sent = self.client.publish(subject, body.into()).await;
        sent.map_err(|error| Error::unavailable("send to the broker", error))
    }

    /// One call of the JetStream API.
    pub(crate) async fn api<T: DeserializeOwned>(
        &self,
        action: &'static str,
        stream: &str,
        subject: impl Into<String>,
        request: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        let answer = self.answer(action, subject, request).await?;
        answer.map_err(|refusal| Error::jetstream(action, stream, &refusal))
    }

    /// The same, where a refusal says something: none for an answer with code `none_code`.
    pub(crate) async fn api_or_none<T: DeserializeOwned>(
        &self,
        action: &'static str,
        stream: &str,
        subject: impl Into<String>,
        request: &(impl Serialize + ?Sized),
        none_code: ErrorCode,
    ) -> Result<Option<T>, Error> {
        match self.answer(action, subject, request).await? {
            Ok(answer) => Ok(Some(answer)),
            Err(refusal) if refusal.error_code() == none_code => Ok(None),
            Err(refusal) => Err(Error::jetstream(action, stream, &refusal)),
        }
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        action: &'static str,
        subject: impl Into<String>,
        request: &(impl Serialize + ?Sized),
    ) -> Result<Result<T, jetstream::Error>, Error> {
        let body = serde_json::to_vec(request).map_err(|error| Error::refused(action, error))?;
        // Some calls want nothing at all where there is nothing to say.
        let body = if body == b"null" { Vec::new() } else { body };
        let subject = format!("$JS.API.{}", subject.into());
        let asked = async {
            let asked = self.client.request(subject, body.into()).await;
            asked.map_err(|error| Error::unavailable(action, error))
        };
        let answer = self.or_lost(action, asked).await?;
        let answer = serde_json::from_slice(&answer.payload);
        match answer.map_err(|error| Error::unavailable(action, error))? {
            jetstream::response::Response::Ok(answer) => Ok(Ok(answer)),
            jetstream::response::Response::Err { error } => Ok(Err(error)),
        }
    }
}

fn note(
    event: &async_nats::Event,
    (connected, slow): (&watch::Sender<u64>, &watch::Sender<u64>),
    trouble: &Mutex<Option<String>>,
) {
    match event {
        async_nats::Event::SlowConsumer(_) => slow.send_modify(|count| *count += 1),
        async_nats::Event::Connected => {
            connected.send_modify(|count| *count += 1);
            info!("connected to the broker");
        }
        async_nats::Event::Disconnected => warn!("connection to the broker is lost"),
        other => {
            tracing::debug!(event = %other, "broker");
            *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(other.to_string());
        }
    }
}
