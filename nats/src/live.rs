//! Signs of life, cancellations and hints: messages that nobody stores, because they are of no
//! use when late.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use async_nats::Message;
use futures::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tracing::warn;

use crate::{
    Bus, Cancel, Error, Headers, Heartbeat, Limit, Rejected, ServiceBeat, Verify, WakeHint,
    error::Source,
    message::{decode, encode},
    names,
};

/// Services of one kind share the questions out.
const DETECTORS: &str = "failure-detectors";

/// What is known of a worker that was asked for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It answered.
    Answered,
    /// It is not connected to the broker.
    NoResponders,
    /// It is connected, and did not answer in time.
    Silent,
}

/// The question whether somebody lives.
#[derive(Debug)]
pub struct Ping(async_nats::Client, Option<async_nats::Subject>);

impl Ping {
    /// Says yes.
    pub async fn answer(self) {
        let Some(reply) = self.1 else { return };
        if let Err(error) = self.0.publish(reply, "pong".into()).await {
            warn!(error = &error as &dyn std::error::Error, "ping not answered");
        }
    }
}

const LISTEN: &str = "listen at the broker";

impl Bus {
    /// Sends a worker's sign of life.
    ///
    /// # Errors
    ///
    /// When its name cannot stand in a subject, or there is no connection.
    pub async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<(), Error> {
        self.send_now(names::heartbeat(&heartbeat.worker)?, encode(heartbeat)?).await
    }

    /// Workers' signs of life. One sent under another worker's name is put aside.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn heartbeats(
        &self,
    ) -> Result<impl Stream<Item = Heartbeat> + Send + 'static, Error> {
        let messages = self.client.subscribe(names::HEARTBEATS).await;
        let messages = messages.map_err(|error| Error::unavailable(LISTEN, error))?;
        let aside = Aside::new(self);
        Ok(messages.filter_map(move |message| {
            let own = decode::<Heartbeat>(&message.payload).and_then(|beat| {
                let own = names::heartbeat(&beat.worker);
                if own.is_ok_and(|own| own == message.subject.as_str()) {
                    return Ok(beat);
                }
                Err(Rejected::new("a heartbeat under another worker's name", &message.payload))
            });
            std::future::ready(own.map_err(|rejected| aside.put(&message, rejected)).ok())
        }))
    }

    /// Asks a worker for a sign of life.
    ///
    /// # Errors
    ///
    /// When its name cannot stand in a subject, or the broker itself is not reached: that says
    /// nothing about the worker.
    pub async fn ping_worker(&self, worker: &str, timeout: Duration) -> Result<Liveness, Error> {
        const ACTION: &str = "ping a worker";
        let subject = names::ping(worker)?;
        if !self.is_connected() {
            return Err(Error::unavailable(ACTION, "not connected"));
        }
        let request = async_nats::Request::new().timeout(Some(timeout)).payload("ping".into());
        // The client's own limit does not count the time until the request is sent.
        let limit = timeout + Duration::from_millis(250);
        let asked = self.client.send_request(subject, request);
        match tokio::time::timeout(limit, asked).await {
            Ok(Ok(_)) => Ok(Liveness::Answered),
            Ok(Err(error)) => match error.kind() {
                async_nats::RequestErrorKind::NoResponders => Ok(Liveness::NoResponders),
                async_nats::RequestErrorKind::TimedOut if self.is_connected() => {
                    Ok(Liveness::Silent)
                }
                _ => Err(Error::unavailable(ACTION, error)),
            },
            Err(elapsed) => Err(Error::unavailable(ACTION, elapsed)),
        }
    }

    /// Questions whether `who` lives, each to be answered.
    ///
    /// # Errors
    ///
    /// When the name cannot stand in a subject, or there is no connection.
    pub async fn pings(&self, who: &str) -> Result<impl Stream<Item = Ping> + use<>, Error> {
        let client = self.client.clone();
        let pings = client.subscribe(names::ping(who)?).await;
        let pings = pings.map_err(|error| Error::unavailable(LISTEN, error))?;
        Ok(pings.map(move |ping| Ping(client.clone(), ping.reply)))
    }

    /// Tells a worker how much it may take.
    ///
    /// # Errors
    ///
    /// When its name cannot stand in a subject, or there is no connection.
    pub async fn limit_worker(&self, worker: &str, limit: &Limit) -> Result<(), Error> {
        self.send_now(names::limit(worker)?, encode(limit)?).await
    }

    /// What `worker` is told about how much it may take.
    ///
    /// # Errors
    ///
    /// When the name cannot stand in a subject, or there is no connection.
    pub async fn limits(
        &self,
        worker: &str,
    ) -> Result<impl Stream<Item = Limit> + Send + 'static, Error> {
        self.listen(names::limit(worker)?, None).await
    }

    /// Tells workers that attempts are no longer wanted.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn cancel(&self, cancels: &[Cancel]) -> Result<(), Error> {
        for cancel in cancels {
            self.send_now(names::CANCEL.to_owned(), encode(cancel)?).await?;
        }
        Ok(())
    }

    /// Attempts that are no longer wanted, of all workers.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn cancels(&self) -> Result<impl Stream<Item = Cancel> + Send + 'static, Error> {
        self.listen(names::CANCEL, None).await
    }

    /// Asks the failure detectors where attempts are.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn verify(&self, questions: &[Verify]) -> Result<(), Error> {
        for question in questions {
            self.send_now(names::VERIFY.to_owned(), encode(question)?).await?;
        }
        Ok(())
    }

    /// Questions for the failure detectors; each comes to one of them.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn verifies(&self) -> Result<impl Stream<Item = Verify> + Send + 'static, Error> {
        self.listen(names::VERIFY, Some(DETECTORS)).await
    }

    /// Tells retry engines that something is due.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn wake_hint(&self, hint: WakeHint) -> Result<(), Error> {
        self.send_now(names::WAKE.to_owned(), encode(&hint)?).await
    }

    /// Hints for retry engines.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn wake_hints(&self) -> Result<impl Stream<Item = WakeHint> + Send + 'static, Error> {
        self.listen(names::WAKE, None).await
    }

    /// Hints that something is held, or that a hold was lifted.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn holds_changed(&self) -> Result<(), Error> {
        self.send_now(names::HOLDS.to_owned(), encode(&())?).await
    }

    /// Such hints, for failure detectors.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn hold_hints(&self) -> Result<impl Stream<Item = ()> + Send + 'static, Error> {
        self.listen(names::HOLDS, None).await
    }

    /// Sends a service's sign of life.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn service_beat(&self, beat: &ServiceBeat) -> Result<(), Error> {
        self.send_now(names::BEAT.to_owned(), encode(beat)?).await
    }

    /// Services' signs of life.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn service_beats(
        &self,
    ) -> Result<impl Stream<Item = ServiceBeat> + Send + 'static, Error> {
        self.listen(names::BEAT, None).await
    }

    async fn listen<T: DeserializeOwned + Send + 'static>(
        &self,
        subject: impl Into<async_nats::Subject>,
        group: Option<&'static str>,
    ) -> Result<impl Stream<Item = T> + Send + 'static, Error> {
        let failed = |error: Source| Error::unavailable(LISTEN, error);
        let messages = match group {
            Some(group) => self.client.queue_subscribe(subject.into(), group.to_owned()).await,
            None => self.client.subscribe(subject.into()).await,
        };
        let messages = messages.map_err(|error| failed(Box::new(error)))?;
        let aside = Aside::new(self);
        Ok(messages.filter_map(move |message| {
            let read = decode(&message.payload);
            std::future::ready(read.map_err(|rejected| aside.put(&message, rejected)).ok())
        }))
    }
}

/// Messages that are put aside at once by one listener; of more than that, only the log tells.
const ASIDE_MAX: usize = 4;

/// Puts messages aside that cannot be read, beside the listening.
struct Aside {
    bus: Bus,
    places: Arc<Semaphore>,
}

impl Aside {
    fn new(bus: &Bus) -> Self {
        Self { bus: bus.clone(), places: Arc::new(Semaphore::new(ASIDE_MAX)) }
    }

    fn put(&self, message: &Message, rejected: Rejected) {
        warn!(subject = %message.subject, %rejected, "odd message");
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let (bus, subject) = (self.bus.clone(), message.subject.to_string());
        tokio::spawn(async move {
            // All who listen hear the same message, and one copy is enough.
            let mut hash = DefaultHasher::new();
            (&subject, &rejected.raw).hash(&mut hash);
            let mut headers = Headers::default();
            headers.insert("Kintsugi-Subject", &subject);
            let id = format!("live:{:x}", hash.finish());
            let kept = bus.reject_once(&id, "live", &rejected, &headers).await;
            if let Err(error) = kept {
                warn!(error = &error as &dyn std::error::Error, "an odd message was not kept");
            }
            drop(place);
        });
    }
}
