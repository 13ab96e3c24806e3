//! Pulling from a consumer: how many messages were asked for, and whether it is still there.

use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use kintsugi_core::Timestamp;
use serde_json::json;
use tokio::{sync::watch, task::unconstrained, time::Instant};

use crate::{Bus, Error, streams::nanos};

/// Why a consumer gives nothing any more: it has to be made anew.
#[derive(Debug)]
pub(crate) struct Lost(pub(crate) String);

/// An open pull on one consumer.
///
/// All its requests share one inbox that lives as long as the pull, so that a caller that stops
/// waiting loses nothing: what comes later is there at the next call.
pub(crate) struct Pull {
    client: Client,
    subject: String,
    inbox: String,
    messages: Subscriber,
    connections: watch::Receiver<u64>,
    rhythm: Rhythm,
    asked: usize,
    heard: Instant,
    /// A request ended with nothing, and nothing came since.
    rests: bool,
}

/// How often something is heard of an idle consumer that is still there.
#[derive(Clone, Copy)]
pub(crate) struct Rhythm {
    /// How long the broker keeps a request for messages; then it says so, and is asked again.
    pub(crate) expires: Duration,
    /// How often it says meanwhile that it is there: at most half of `expires`. None: it need not.
    pub(crate) heartbeat: Option<Duration>,
}

impl Rhythm {
    /// Silent for so long, the consumer is lost.
    fn silence(self) -> Duration {
        self.heartbeat.map_or(self.expires * 2, |heartbeat| heartbeat * 3)
    }
}

impl Pull {
    pub(crate) async fn open(
        bus: &Bus,
        stream: &str,
        consumer: &str,
        rhythm: Rhythm,
    ) -> Result<Self, Error> {
        let inbox = bus.client.new_inbox();
        let mut connections = bus.connections.clone();
        connections.mark_unchanged();
        let messages = bus.client.subscribe(inbox.clone()).await;
        let messages = messages.map_err(|error| Error::unavailable("subscribe", error))?;
        Ok(Self {
            client: bus.client.clone(),
            subject: format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"),
            inbox,
            messages,
            connections,
            rhythm,
            asked: 0,
            heard: Instant::now(),
            rests: false,
        })
    }

    /// The next message, after asking for `want` where fewer than `low` are under way.
    pub(crate) async fn next(&mut self, want: usize, low: usize) -> Result<Message, Lost> {
        // Many small requests end one after the other; where nothing comes, one takes the place of all.
        self.rests = false;
        loop {
            if self.asked < if self.rests { 1 } else { low.max(1) } {
                self.ask(want - self.asked.min(want)).await?;
            }
            let silent_at = self.heard + self.rhythm.silence();
            tokio::select! {
                biased;
                message = self.messages.next() => {
                    let message = message.ok_or_else(|| Lost("the connection was closed".into()))?;
                    if let Some(message) = self.take(message)? {
                        return Ok(message);
                    }
                }
                changed = self.connections.changed() => {
                    changed.map_err(|_| Lost("the connection was closed".into()))?;
                    // The broker forgets requests with the connection that made them.
                    self.asked = 0;
                }
                () = tokio::time::sleep_until(silent_at) => {
                    return Err(Lost("it is silent".into()));
                }
            }
        }
    }

    /// A message that is there already; none: there is none.
    pub(crate) fn try_next(&mut self) -> Option<Result<Message, Lost>> {
        loop {
            // The runtime would say that nothing is there after 128 messages, to be fair to others.
            let message = unconstrained(self.messages.next()).now_or_never()??;
            match self.take(message) {
                Ok(Some(message)) => return Some(Ok(message)),
                Ok(None) => {}
                Err(lost) => return Some(Err(lost)),
            }
        }
    }

    /// At most `max` messages that wait at the broker, without waiting for any.
    pub(crate) async fn fetch_waiting(&mut self, max: usize) -> Result<Vec<Message>, Lost> {
        let body = json!({ "batch": max, "no_wait": true });
        self.request(&body).await?;
        self.asked = max;
        let mut found = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(3);
        while self.asked > 0 {
            let message = tokio::time::timeout_at(deadline, self.messages.next()).await;
            let message = message.map_err(|_| Lost("it does not answer".into()))?;
            let message = message.ok_or_else(|| Lost("the connection was closed".into()))?;
            found.extend(self.take(message)?);
        }
        Ok(found)
    }

    async fn ask(&mut self, count: usize) -> Result<(), Lost> {
        let mut body = json!({ "batch": count, "expires": nanos(self.rhythm.expires) });
        if let Some(heartbeat) = self.rhythm.heartbeat {
            body["idle_heartbeat"] = nanos(heartbeat).into();
        }
        self.request(&body).await?;
        if self.asked == 0 {
            self.heard = Instant::now();
        }
        self.asked += count;
        Ok(())
    }

    async fn request(&self, body: &serde_json::Value) -> Result<(), Lost> {
        let (subject, inbox) = (self.subject.clone(), self.inbox.clone());
        let body = Bytes::from(body.to_string());
        let sent = self.client.publish_with_reply(subject, inbox, body).await;
        sent.map_err(|error| Lost(error.to_string()))
    }

    /// Tells messages from what the broker says about the requests for them.
    fn take(&mut self, message: Message) -> Result<Option<Message>, Lost> {
        self.heard = Instant::now();
        let Some(status) = message.status.filter(|status| *status != StatusCode::OK) else {
            self.asked = self.asked.saturating_sub(1);
            self.rests = false;
            return Ok(Some(message));
        };
        let text = message.description.as_deref().unwrap_or_default();
        let is_over = text.contains("Batch Completed") || text.contains("MaxBytes");
        match status {
            StatusCode::IDLE_HEARTBEAT => {}
            StatusCode::NOT_FOUND | StatusCode::TIMEOUT => {
                self.forget_request(&message);
                self.rests = true;
            }
            StatusCode::REQUEST_TERMINATED if is_over => self.forget_request(&message),
            StatusCode::NO_RESPONDERS => return Err(Lost("it does not exist".into())),
            status => return Err(Lost(format!("{status} {text}"))),
        }
        Ok(None)
    }

    /// A request is over; the broker says how many of its messages it did not send.
    fn forget_request(&mut self, message: &Message) {
        let headers = message.headers.as_ref();
        let unsent = headers.and_then(|headers| headers.get("Nats-Pending-Messages"));
        let unsent = unsent.and_then(|count| count.as_str().parse::<usize>().ok());
        self.asked = self.asked.saturating_sub(unsent.unwrap_or(usize::MAX));
    }
}

/// What the broker says about a delivery, in the subject that acknowledges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) delivered: u64,
    pub(crate) stream_seq: u64,
    pub(crate) consumer_seq: u64,
    pub(crate) at: Timestamp,
}

impl Meta {
    /// `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<nanos>.<pending>`, or
    /// with domain and account hash after `ACK` and perhaps more at the end (ADR-15 of NATS).
    pub(crate) fn of(message: &Message) -> Option<Self> {
        let reply = message.reply.as_ref()?.as_str();
        let parts: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        let rest = if parts.len() == 7 { &parts[2..] } else { parts.get(4..)? };
        let number = |index: usize| rest.get(index)?.parse::<u64>().ok();
        let nanos = number(3)?;
        Some(Self {
            delivered: number(0)?,
            stream_seq: number(1)?,
            consumer_seq: number(2)?,
            at: Timestamp(i64::try_from(nanos / 1_000_000).ok()?),
        })
    }
}
