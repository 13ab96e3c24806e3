//! Payloads: what is too large to travel with a task, got and put by its SHA-256 through the engine's gateways, on the
//! bus like everything else.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use kintsugi_nats::{Bus, Error};
use kintsugi_reference::{CHUNK_BYTES, Digest, PayloadId, Reference, chunks};
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::Failure;

/// Bytes of payloads that a worker remembers, for all its tasks.
const CACHE_BYTES: u64 = 64 << 20;

/// How many payloads that is usually; only a hint.
const CACHE_ITEMS: usize = 64;

/// Chunks of one payload that are under way at once.
const PIPELINE: usize = 4;

/// Payloads that are put at once: each is in memory twice, as the handler gave it and as it is sent.
const PUTS_MAX: usize = 4;

/// How long one request may take, and how long it is tried again while no gateway answers.
const ASK: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// The first and the longest pause before that.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How often an upload begins anew that was given up meanwhile.
const ROUNDS_MAX: usize = 3;

/// Counts bytes.
#[derive(Clone, Debug)]
struct Weight;

impl Weighter<PayloadId, Bytes> for Weight {
    fn weight(&self, _id: &PayloadId, content: &Bytes) -> u64 {
        content.len() as u64 + 1
    }
}

/// Payloads as tasks of a worker get and put them.
#[derive(Debug)]
pub(crate) struct Payloads {
    bus: Bus,
    cache: Cache<PayloadId, Bytes, Weight>,
    puts: Semaphore,
}

impl Payloads {
    pub(crate) fn new(bus: Bus) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(CACHE_ITEMS)
            .weight_capacity(CACHE_BYTES)
            // The weight is split among shards, and one payload may be as heavy as all of it.
            .shards(1)
            .build()
            .expect("both capacities are set");
        let (hash, life) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        let cache = Cache::with_options(options, Weight, hash, life);
        Self { bus, cache, puts: Semaphore::new(PUTS_MAX) }
    }

    /// The content. Tasks that ask for the same at once share one fetch, and those that ask later find it in memory.
    pub(crate) async fn get(&self, reference: &Reference) -> Result<Bytes, Failure> {
        self.cache.get_or_insert_async(&reference.id, self.fetch(reference)).await
    }

    async fn fetch(&self, reference: &Reference) -> Result<Bytes, Failure> {
        let id = reference.id;
        let chunk = |n| self.ask(format!("kintsugi.api.payload.get.{id}.{n}"), Vec::new());
        let content = stream::iter(0..chunks(reference.bytes))
            .map(chunk)
            .buffered(PIPELINE)
            .try_fold(Vec::new(), |mut content, chunk| async move {
                content.extend_from_slice(&chunk);
                Ok(content)
            })
            .await
            .map_err(|error| failure(&format!("cannot get the payload {id}"), &error))?;
        let mut digest = Digest::default();
        digest.update(&content);
        if digest.end() != (id, reference.bytes) {
            let bytes = reference.bytes;
            let message = format!("the payload {id} is not the {bytes} bytes of its reference");
            return Err(Failure::fatal(message).kind("validation"));
        }
        Ok(content.into())
    }

    /// Puts content, unless it is there already; returns when the database has it.
    pub(crate) async fn put(&self, content: Bytes, media_type: &str) -> Result<Reference, Failure> {
        let _turn = self.puts.acquire().await;
        let (id, bytes) = (PayloadId::of(&content), content.len() as u64);
        let failed =
            |error: &Error| failure(&format!("cannot put a payload of {bytes} bytes"), error);
        let answer = match self.ask(format!("kintsugi.api.payload.look.{id}"), Vec::new()).await {
            Err(Error::Api { status: 404, .. }) => {
                self.upload(&content, id, media_type).await.map_err(|error| failed(&error))?
            }
            known => known.map_err(|error| failed(&error))?,
        };
        serde_json::from_slice(&answer)
            .map_err(|error| Failure::retryable(format!("a gateway's answer is odd: {error}")))
    }

    async fn upload(
        &self,
        content: &Bytes,
        id: PayloadId,
        media_type: &str,
    ) -> Result<Vec<u8>, Error> {
        let name = uuid::Uuid::new_v4().simple().to_string();
        let bytes = content.len() as u64;
        let end = json!({ "sha256": id, "bytes": bytes, "media_type": media_type }).to_string();
        let mut round = 1;
        loop {
            let pieces = (0..chunks(bytes)).map(|n| self.put_chunk(&name, n, content));
            stream::iter(pieces).buffered(PIPELINE).try_for_each(|()| async { Ok(()) }).await?;
            let subject = format!("kintsugi.api.payload.end.{name}");
            match self.ask(subject, end.clone().into_bytes()).await {
                // It stood still for long and was given up, with what had come.
                Err(Error::Api { status: 409, .. }) if round < ROUNDS_MAX => round += 1,
                ended => return ended,
            }
        }
    }

    async fn put_chunk(&self, name: &str, n: u64, content: &Bytes) -> Result<(), Error> {
        let chunk = content.chunks(CHUNK_BYTES).nth(usize::try_from(n).unwrap_or(usize::MAX));
        let chunk = chunk.unwrap_or_default().to_vec();
        self.ask(format!("kintsugi.api.payload.put.{name}.{n}"), chunk).await.map(drop)
    }

    /// Asks until somebody answers, within limits: gateways come and go, and every request may be repeated.
    async fn ask(&self, subject: String, payload: Vec<u8>) -> Result<Vec<u8>, Error> {
        let (begun, mut pause) = (Instant::now(), PAUSE.0);
        loop {
            match self.bus.request(&subject, payload.clone(), ASK).await {
                Err(error) if error.is_transient() && begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
                answered => return answered,
            }
        }
    }
}

/// What an attempt fails with. A gateway that refuses says why.
fn failure(what: &str, error: &Error) -> Failure {
    let why = match error {
        Error::Api { body, .. } => title(body),
        _ => None,
    };
    let message = format!("{what}: {}", why.unwrap_or_else(|| error.to_string()));
    if error.is_transient() { Failure::retryable(message) } else { Failure::fatal(message) }
}

fn title(problem: &[u8]) -> Option<String> {
    let problem: serde_json::Value = serde_json::from_slice(problem).ok()?;
    Some(problem.get("title")?.as_str()?.to_owned())
}
