//! The streams: what they hold, and for how long.

use std::{sync::atomic::Ordering, time::Duration};

use futures::{Stream, StreamExt};
use kintsugi_core::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::{
    Bus, Error,
    names::{self, stream},
};

/// Limits of the streams. Nothing grows without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Copies of each stream in a cluster. Default: 1.
    pub replicas: u8,
    /// Partitions of the events. What is published to another is refused by the broker, since nobody
    /// would ever read it. Default: 16.
    pub partitions: u16,
    /// Bytes of inputs that are not yet taken up. Default: 1 GiB.
    pub events_bytes: u64,
    /// Bytes of tasks that no worker has taken. Default: 1 GiB.
    pub tasks_bytes: u64,
    /// Bytes of published starts that are not yet taken up. Default: 512 MiB.
    pub intake_bytes: u64,
    /// Bytes of published events; the oldest go first. Default: 512 MiB.
    pub cloudevents_bytes: u64,
    /// Age of published events. Default: 24 h.
    pub cloudevents_age: Duration,
    /// Bytes of lifecycle events; the oldest go first. Default: 256 MiB.
    pub life_bytes: u64,
    /// Age of lifecycle events. Default: 24 h.
    pub life_age: Duration,
    /// Bytes of dead letters; the oldest go first, the table keeps them all. Default: 256 MiB.
    pub dead_bytes: u64,
    /// Bytes of advisories; the oldest go first. Default: 32 MiB.
    pub advisories_bytes: u64,
    /// Bytes of messages that could not be handled; the oldest go first. Default: 128 MiB.
    pub rejected_bytes: u64,
    /// How long the broker knows message ids. Default: 2 min.
    pub duplicate_window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            replicas: 1,
            partitions: 16,
            events_bytes: 1024 * MIB,
            tasks_bytes: 1024 * MIB,
            intake_bytes: 512 * MIB,
            cloudevents_bytes: 512 * MIB,
            cloudevents_age: Duration::from_secs(24 * 3600),
            life_bytes: 256 * MIB,
            life_age: Duration::from_secs(24 * 3600),
            dead_bytes: 256 * MIB,
            advisories_bytes: 32 * MIB,
            rejected_bytes: 128 * MIB,
            duplicate_window: Duration::from_secs(120),
        }
    }
}

impl Limits {
    /// The same, in proportion, so that all streams together take at most so many bytes.
    #[must_use]
    pub fn within(self, bytes: u64) -> Self {
        let all = [self.events_bytes, self.tasks_bytes, self.intake_bytes, self.cloudevents_bytes]
            .into_iter()
            .chain([self.life_bytes, self.dead_bytes, self.advisories_bytes, self.rejected_bytes]);
        let all = u128::from(all.sum::<u64>().max(1));
        let share = |of: u64| {
            u64::try_from(u128::from(of) * u128::from(bytes) / all).unwrap_or(u64::MAX).max(1)
        };
        Self {
            events_bytes: share(self.events_bytes),
            tasks_bytes: share(self.tasks_bytes),
            intake_bytes: share(self.intake_bytes),
            cloudevents_bytes: share(self.cloudevents_bytes),
            life_bytes: share(self.life_bytes),
            dead_bytes: share(self.dead_bytes),
            advisories_bytes: share(self.advisories_bytes),
            rejected_bytes: share(self.rejected_bytes),
            ..self
        }
    }
}

/// A stream, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// Its name.
    pub name: String,
    /// When it was made, RFC 3339: another time is another stream, whose sequences begin anew.
    /// None: it is missing.
    pub created: Option<String>,
    /// It was made by this call.
    pub is_new: bool,
    /// It has files of the stream of this name before it, and may lose them: [`Bus::ensure_streams`]
    /// makes it once more.
    pub is_left_over: bool,
    /// The first sequence that it holds.
    pub first_seq: u64,
    /// The last sequence that it gave out.
    pub last_seq: u64,
    /// How many messages it holds.
    pub messages: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// How many bytes they may take; 0: as many as there is room for.
    pub bytes_max: u64,
}

#[derive(Deserialize)]
pub(crate) struct Info {
    pub(crate) created: String,
    pub(crate) state: State,
    config: Value,
}

impl Info {
    /// When it was made.
    pub(crate) fn created_at(&self) -> Option<Timestamp> {
        let time = async_nats::datetime::parse_rfc3339(&self.created).ok()?;
        Some(Timestamp(i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()?))
    }

    /// Its last message is older than itself: nats-server 2.15 takes the name of a deleted stream free
    /// before its files, and one that is made in between begins with those, loses them, and then
    /// stores nothing ever again.
    fn is_left_over(&self) -> bool {
        let time = |text| async_nats::datetime::parse_rfc3339(text).ok();
        let last = time(&self.state.last_ts);
        self.state.last_seq > 0
            && last.zip(time(&self.created)).is_some_and(|(last, own)| last < own)
    }
}

#[derive(Deserialize)]
pub(crate) struct State {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    #[serde(default)]
    last_ts: String,
}

/// How long after a stream was found missing it is made: until then the broker has put its files
/// away. A process that finds none at its start does not wait.
const SETTLE: Duration = Duration::from_millis(100);

/// How often one is made once more that has files of the one before, until the next look.
const TRIES: usize = 5;

/// Every stream, in the order in which they are made: advisories first, since one that nobody
/// keeps is lost; the intake after the stream that had a part of its subjects once.
const ALL: [&str; 8] = [
    stream::ADVISORIES,
    stream::REJECTED,
    stream::EVENTS,
    stream::TASKS,
    stream::CLOUDEVENTS,
    stream::INTAKE,
    stream::LIFE,
    stream::DEAD,
];

impl Bus {
    /// Makes each stream that is missing, and brings the limits of the others up to date.
    ///
    /// # Errors
    ///
    /// When a stream is neither there nor can be made.
    pub async fn ensure_streams(&self, limits: &Limits) -> Result<Vec<StreamState>, Error> {
        let mut states = Vec::with_capacity(ALL.len());
        for name in ALL {
            states.push(self.ensure(name, config(name, limits)).await?);
        }
        self.had_streams.store(true, Ordering::Relaxed);
        Ok(states)
    }

    /// How each stream stands; `created` is none for one that is missing.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn stream_states(&self) -> Result<Vec<StreamState>, Error> {
        let infos = ALL.map(|name| async move {
            match self.stream_info(name).await {
                Ok(info) => Ok(state(name, Some(&info), false)),
                Err(Error::StreamMissing { .. }) => Ok(state(name, None, false)),
                Err(error) => Err(error),
            }
        });
        futures::future::try_join_all(infos).await
    }

    /// How each stream stands, and which of its settings are others than `limits` say.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn streams_compared(
        &self,
        limits: &Limits,
    ) -> Result<Vec<(StreamState, Vec<String>)>, Error> {
        let infos = ALL.map(|name| async move {
            match self.stream_info(name).await {
                Ok(info) => Ok((
                    state(name, Some(&info), false),
                    others(&info.config, &config(name, limits)),
                )),
                Err(Error::StreamMissing { .. }) => Ok((state(name, None, false), Vec::new())),
                Err(error) => Err(error),
            }
        });
        futures::future::try_join_all(infos).await
    }

    /// Hints that a stream may be gone: one of them was deleted, or the connection is another one,
    /// perhaps to another broker. Any may be lost.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn stream_hints(&self) -> Result<impl Stream<Item = ()> + Send + 'static, Error> {
        let mut connections = self.connections.clone();
        connections.mark_unchanged();
        let deleted = self.client.subscribe("$JS.EVENT.ADVISORY.STREAM.DELETED.>").await;
        let deleted =
            deleted.map_err(|error| Error::unavailable("listen for advisories", error))?;
        let ours = deleted.filter(|message| {
            let is_ours = ALL.iter().any(|name| message.subject.ends_with(&format!(".{name}")));
            std::future::ready(is_ours)
        });
        Ok(futures::stream::unfold((ours, connections), |(mut ours, mut connections)| async {
            tokio::select! {
                deleted = ours.next() => deleted.map(|_| ()),
                changed = connections.changed() => changed.ok(),
            }
            .map(|()| ((), (ours, connections)))
        }))
    }

    /// When a stream was made, as [`StreamState::created`] says it; none: it is missing.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn stream_created(&self, name: &str) -> Result<Option<String>, Error> {
        match self.stream_info(name).await {
            Ok(info) => Ok(Some(info.created)),
            Err(Error::StreamMissing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Names what the broker knows message ids of a stream by. Under another name it may have
    /// forgotten ids: after a restart it knows those of messages that it still holds, and a stream
    /// that was made anew knows none.
    ///
    /// # Errors
    ///
    /// When the stream is missing or the broker does not answer.
    pub async fn memory(&self, name: &str) -> Result<String, Error> {
        let created = self.stream_info(name).await?.created;
        Ok(format!("{}/{created}", self.broker_began().await?.0))
    }

    pub(crate) async fn stream_info(&self, name: &str) -> Result<Info, Error> {
        self.api("look at a stream", name, format!("STREAM.INFO.{name}"), &()).await
    }

    async fn ensure(&self, name: &'static str, wanted: Value) -> Result<StreamState, Error> {
        match self.stream_info(name).await {
            Ok(info) if info.is_left_over() => self.make(name, &wanted, true).await,
            Ok(info) if is_as_wanted(&info.config, &wanted) => Ok(state(name, Some(&info), false)),
            Ok(_) => {
                let subject = format!("STREAM.UPDATE.{name}");
                let info: Info = self.api("change a stream", name, subject, &wanted).await?;
                info!(stream = name, "stream changed");
                Ok(state(name, Some(&info), false))
            }
            Err(Error::StreamMissing { .. }) => self.make(name, &wanted, false).await,
            Err(error) => Err(error),
        }
    }

    /// Makes a stream, `anew` if there is one, until it begins with nothing. Nothing is in one that is
    /// left over but what somebody deleted: its last message is older than itself.
    async fn make(&self, name: &str, wanted: &Value, mut anew: bool) -> Result<StreamState, Error> {
        let mut tried = 0;
        loop {
            if anew {
                let subject = format!("STREAM.DELETE.{name}");
                let _: Value = self.api("delete a stream", name, subject, &()).await?;
                warn!(stream = name, "stream began with what was left of the one before; deleted");
            }
            if anew || self.had_streams.load(Ordering::Relaxed) {
                tokio::time::sleep(SETTLE).await;
            }
            let subject = format!("STREAM.CREATE.{name}");
            let info: Info = self.api("make a stream", name, subject, wanted).await?;
            (anew, tried) = (info.is_left_over(), tried + 1);
            if !anew || tried >= TRIES {
                info!(stream = name, "stream made");
                return Ok(state(name, Some(&info), true));
            }
        }
    }
}

/// The broker fills in what is not said, so only what is said is compared.
fn is_as_wanted(found: &Value, wanted: &Value) -> bool {
    others(found, wanted).is_empty()
}

/// The settings that are not as wanted.
fn others(found: &Value, wanted: &Value) -> Vec<String> {
    let wanted = wanted.as_object().into_iter().flatten();
    let others = wanted.filter(|(key, value)| found.get(*key).unwrap_or(&Value::Null) != *value);
    others.map(|(key, _)| key.clone()).collect()
}

fn state(name: &str, info: Option<&Info>, is_new: bool) -> StreamState {
    let at = |pick: fn(&State) -> u64| info.map_or(0, |info| pick(&info.state));
    StreamState {
        name: name.to_owned(),
        created: info.map(|info| info.created.clone()),
        is_new,
        is_left_over: info.is_some_and(Info::is_left_over),
        first_seq: at(|state| state.first_seq),
        last_seq: at(|state| state.last_seq),
        messages: at(|state| state.messages),
        bytes: at(|state| state.bytes),
        bytes_max: info.and_then(|info| info.config.get("max_bytes")?.as_u64()).unwrap_or(0),
    }
}

fn config(name: &str, limits: &Limits) -> Value {
    const ADVISORY: &str = "$JS.EVENT.ADVISORY.CONSUMER";
    let given_up = [
        format!("{ADVISORY}.MAX_DELIVERIES.{}.*", stream::TASKS),
        format!("{ADVISORY}.MSG_TERMINATED.{}.*", stream::TASKS),
    ];
    let partitions: Vec<String> = (0..limits.partitions).map(names::events).collect();
    // What is refused when full is kept: its publisher waits. What drops its oldest instead is
    // either in the database as well or of no use when old.
    let (subjects, retention, discard, bytes) = match name {
        stream::EVENTS => (json!(partitions), "limits", "new", limits.events_bytes),
        stream::TASKS => (json!(["kintsugi.tasks.*.*"]), "workqueue", "new", limits.tasks_bytes),
        // Also what nobody serves: it is put aside with an alarm, not lost.
        stream::INTAKE => (json!(["kintsugi.in.>"]), "workqueue", "new", limits.intake_bytes),
        stream::CLOUDEVENTS => {
            (json!(["kintsugi.cloudevents.>"]), "limits", "old", limits.cloudevents_bytes)
        }
        stream::LIFE => (json!(["kintsugi.life.>"]), "limits", "old", limits.life_bytes),
        stream::DEAD => (json!(["kintsugi.dead.>"]), "limits", "old", limits.dead_bytes),
        stream::ADVISORIES => (json!(given_up), "workqueue", "old", limits.advisories_bytes),
        _ => (json!(["kintsugi.rejected.>"]), "limits", "old", limits.rejected_bytes),
    };
    let age = match name {
        stream::LIFE => limits.life_age,
        stream::CLOUDEVENTS => limits.cloudevents_age,
        _ => Duration::ZERO,
    };
    json!({
        "name": name,
        "subjects": subjects,
        "retention": retention,
        "discard": discard,
        "storage": "file",
        "num_replicas": limits.replicas,
        "max_bytes": bytes,
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "max_msg_size": -1,
        "max_consumers": -1,
        "max_age": nanos(age),
        "duplicate_window": nanos(limits.duplicate_window),
    })
}

/// The broker's unit of time.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
