//! Where closed spans go: a bounded queue and a thread that sends from it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{
    Error, SpanRecord,
    export::{Exporter, Flush},
};

/// How long [`Tracer::shutdown`] waits for the last spans to be sent.
const SHUTDOWN_MAX: Duration = Duration::from_secs(3);

/// Where spans go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceOptions {
    /// Base URL of an OTLP/HTTP collector, e.g. `http://127.0.0.1:4318`; none: no traces.
    pub otlp_endpoint: Option<String>,
    /// Name of the process in its own spans' resource, as `service.namespace`. Default: `kintsugi`.
    pub service_name: String,
    /// How many spans may wait to be sent; further ones are dropped and counted. Default: 65536.
    pub queue_max: usize,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self { otlp_endpoint: None, service_name: "kintsugi".to_owned(), queue_max: 65_536 }
    }
}

/// What became of spans so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TracerStats {
    /// Taken by the collector.
    pub sent: u64,
    /// Dropped: the queue was full, or the collector would not have them.
    pub dropped: u64,
}

/// Takes closed spans and sends them. Cheap to clone; without an endpoint it does nothing.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Inner>>);

struct Inner {
    queue: mpsc::Sender<SpanRecord>,
    flush: mpsc::Sender<Flush>,
    counts: Arc<Counts>,
}

/// Counted by the queue and by the thread that sends.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) sent: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl Tracer {
    /// A tracer that sends to `options.otlp_endpoint`.
    ///
    /// # Errors
    ///
    /// When the endpoint is no URL, the queue has no room, or a thread cannot be started. That
    /// nobody answers at the endpoint is no error.
    pub fn new(options: &TraceOptions) -> Result<Self, Error> {
        let Some(endpoint) = &options.otlp_endpoint else { return Ok(Self(None)) };
        if options.queue_max == 0 {
            return Err(Error::NoQueue);
        }
        let (queue, spans) = mpsc::channel(options.queue_max);
        let (flush, flushes) = mpsc::channel(8);
        let counts = Arc::<Counts>::default();
        Exporter::new(endpoint, &options.service_name, Arc::clone(&counts))?
            .spawn(spans, flushes)
            .map_err(|source| Error::Exporter { source: source.into() })?;
        Ok(Self(Some(Arc::new(Inner { queue, flush, counts }))))
    }

    /// A tracer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Whether spans go anywhere. Ask before making them.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Takes a span. Never waits: when the queue is full, the span is dropped and counted.
    pub fn emit(&self, span: SpanRecord) {
        let Some(inner) = &self.0 else { return };
        if inner.queue.try_send(span).is_err() {
            inner.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes spans, like [`Tracer::emit`].
    pub fn emit_all(&self, spans: impl IntoIterator<Item = SpanRecord>) {
        spans.into_iter().for_each(|span| self.emit(span));
    }

    /// What became of spans so far.
    #[must_use]
    pub fn stats(&self) -> TracerStats {
        let Some(inner) = &self.0 else { return TracerStats::default() };
        TracerStats {
            sent: inner.counts.sent.load(Ordering::Relaxed),
            dropped: inner.counts.dropped.load(Ordering::Relaxed),
        }
    }

    /// Sends what waits; holds its thread up until then, for at most a few seconds. The last thing
    /// that a process does.
    pub fn shutdown(&self) {
        let Some(inner) = &self.0 else { return };
        let (done, sent) = std::sync::mpsc::sync_channel(1);
        if inner.flush.try_send(done).is_ok() {
            // Spans are worth less than a prompt stop.
            let _ = sent.recv_timeout(SHUTDOWN_MAX);
        }
    }
}
