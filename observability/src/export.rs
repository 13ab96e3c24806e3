//! The thread that sends spans to a collector over OTLP/HTTP.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use kintsugi_core::Timestamp;
use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{Event, Link, SpanContext, SpanId, Status, TraceFlags, TraceState},
};
use opentelemetry_otlp::{RetryPolicy, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::{Error, SpanKind, SpanRecord, tracer::Counts};

/// Spans per request to the collector: the OpenTelemetry SDK's default.
const BATCH_MAX: usize = 512;

/// How long a span waits for others to travel with.
const LINGER: Duration = Duration::from_millis(200);

/// How long the collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The pause after the first failed attempt to send a batch; doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(500);

/// The longest pause between attempts to send.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How often a batch is tried: 36 s in all, long enough for a collector to be restarted.
const TRIES_MAX: u32 = 8;

/// The length of a span that took less than a millisecond: Jaeger's smallest.
const LENGTH_MIN: Duration = Duration::from_micros(1);

pub(crate) struct Exporter {
    endpoint: String,
    namespace: String,
    client: reqwest::Client,
    by_service: BTreeMap<&'static str, opentelemetry_otlp::SpanExporter>,
    counts: Arc<Counts>,
    is_down: bool,
}

/// Told when everything that waited has been sent, or given up.
pub(crate) type Flush = std::sync::mpsc::SyncSender<()>;

impl Exporter {
    pub(crate) fn new(endpoint: &str, namespace: &str, counts: Arc<Counts>) -> Result<Self, Error> {
        let refused = || Error::Endpoint { endpoint: endpoint.to_owned() };
        let url = reqwest::Url::parse(endpoint).map_err(|_| refused())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(refused());
        }
        // An error means that the process has chosen its provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder().timeout(TIMEOUT);
        // Without TLS no certificate is needed, and a minimal image has none.
        let builder =
            if url.scheme() == "http" { builder.tls_certs_only([]).no_proxy() } else { builder };
        let client = builder.build().map_err(|source| Error::Exporter { source: source.into() })?;
        let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let by_service = BTreeMap::new();
        let namespace = namespace.to_owned();
        Ok(Self { endpoint, namespace, client, by_service, counts, is_down: false })
    }

    /// Starts the thread. It ends when every [`crate::Tracer`] of it is gone.
    pub(crate) fn spawn(
        self,
        spans: mpsc::Receiver<SpanRecord>,
        flushes: mpsc::Receiver<Flush>,
    ) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || runtime.block_on(self.run(spans, flushes));
        std::thread::Builder::new().name("spans".to_owned()).spawn(work)?;
        Ok(())
    }

    async fn run(
        mut self,
        mut spans: mpsc::Receiver<SpanRecord>,
        mut flushes: mpsc::Receiver<Flush>,
    ) {
        let mut batch = Vec::new();
        let mut flush = None;
        loop {
            tokio::select! {
                taken = spans.recv_many(&mut batch, BATCH_MAX) => if taken == 0 { return },
                Some(done) = flushes.recv() => flush = Some(done),
            }
            if flush.is_none() && batch.len() < BATCH_MAX {
                flush = gather(&mut batch, &mut spans, &mut flushes).await;
            }
            if !batch.is_empty() {
                flush = self.send(std::mem::take(&mut batch), flush, &mut flushes).await;
            }
            if let Some(done) = flush.take() {
                self.drain(&mut spans).await;
                // Whoever asked may have stopped waiting.
                let _ = done.try_send(());
            }
        }
    }

    /// Sends what waits, each batch once.
    async fn drain(&mut self, spans: &mut mpsc::Receiver<SpanRecord>) {
        let mut batch = Vec::new();
        while !spans.is_empty() && spans.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let rest = self.export(std::mem::take(&mut batch)).await;
            self.drop_all(rest);
        }
    }

    /// Sends a batch, with pauses between tries. A flush cuts the pauses short.
    async fn send(
        &mut self,
        batch: Vec<SpanRecord>,
        mut flush: Option<Flush>,
        flushes: &mut mpsc::Receiver<Flush>,
    ) -> Option<Flush> {
        let (mut batch, mut pause) = (batch, PAUSE_FIRST);
        for _ in 0..TRIES_MAX {
            batch = self.export(batch).await;
            if batch.is_empty() || flush.is_some() {
                break;
            }
            flush = or_flush(tokio::time::sleep(pause), flushes).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        self.drop_all(batch);
        flush
    }

    /// Tries to send; gives back what the collector did not take.
    async fn export(&mut self, batch: Vec<SpanRecord>) -> Vec<SpanRecord> {
        let mut by_service = BTreeMap::<_, Vec<SpanRecord>>::new();
        for span in batch {
            by_service.entry(span.service).or_default().push(span);
        }
        let mut rest = Vec::new();
        for (service, spans) in by_service {
            match self.export_for(service, &spans).await {
                Ok(()) => {
                    self.counts.sent.fetch_add(spans.len() as u64, Ordering::Relaxed);
                    if std::mem::take(&mut self.is_down) {
                        info!(endpoint = self.endpoint, "the collector takes spans again");
                    }
                }
                Err(error) => {
                    rest.extend(spans);
                    if !std::mem::replace(&mut self.is_down, true) {
                        let endpoint = &self.endpoint;
                        warn!(endpoint, error = &*error, "the collector takes no spans");
                    }
                }
            }
        }
        rest
    }

    async fn export_for(
        &mut self,
        service: &'static str,
        spans: &[SpanRecord],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if !self.by_service.contains_key(service) {
            let mut exporter = opentelemetry_otlp::SpanExporter::builder()
                .with_http()
                .with_http_client(self.client.clone())
                .with_endpoint(&self.endpoint)
                .with_timeout(TIMEOUT)
                // Tried again by `send`, which a shutdown can cut short.
                .with_retry_policy(RetryPolicy::disabled())
                .build()?;
            exporter.set_resource(&resource(service, &self.namespace));
            self.by_service.insert(service, exporter);
        }
        match self.by_service.get(service) {
            Some(exporter) => Ok(exporter.export(spans.iter().map(span_data).collect()).await?),
            None => Ok(()),
        }
    }

    fn drop_all(&self, spans: Vec<SpanRecord>) {
        self.counts.dropped.fetch_add(spans.len() as u64, Ordering::Relaxed);
    }
}

/// Fills `batch` until it is full, [`LINGER`] is over, or someone asks for a flush.
async fn gather(
    batch: &mut Vec<SpanRecord>,
    spans: &mut mpsc::Receiver<SpanRecord>,
    flushes: &mut mpsc::Receiver<Flush>,
) -> Option<Flush> {
    let full = async {
        while batch.len() < BATCH_MAX {
            let room = BATCH_MAX - batch.len();
            if spans.recv_many(batch, room).await == 0 {
                return;
            }
        }
    };
    let limited = async {
        // What was gathered until then is in the batch.
        let _ = tokio::time::timeout(LINGER, full).await;
    };
    or_flush(limited, flushes).await
}

/// Waits for `work`, unless someone asks for a flush.
async fn or_flush(
    work: impl Future<Output = ()>,
    flushes: &mut mpsc::Receiver<Flush>,
) -> Option<Flush> {
    tokio::select! {
        () = work => None,
        Some(done) = flushes.recv() => Some(done),
    }
}

fn resource(service: &'static str, namespace: &str) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", service),
            KeyValue::new("service.namespace", namespace.to_owned()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            // Every span's times come from the run's history, so they share one clock. Jaeger takes
            // services without a host to be on several, and corrects skew that is not there.
            KeyValue::new("host.id", namespace.to_owned()),
        ])
        .build()
}

fn span_data(span: &SpanRecord) -> SpanData {
    let mut events = SpanEvents::default();
    events.events = span
        .events
        .iter()
        .map(|event| Event::new(event.name, time(event.at), key_values(&event.attributes), 0))
        .collect();
    let mut links = SpanLinks::default();
    links.links = span.links.iter().map(|id| Link::with_context(context(span, *id))).collect();
    SpanData {
        span_context: context(span, span.span),
        parent_span_id: span.parent.unwrap_or(SpanId::INVALID),
        parent_span_is_remote: span.parent_is_remote,
        span_kind: kind(span.kind),
        name: span.name.clone().into(),
        start_time: time(span.start),
        // Jaeger warns of spans without a length.
        end_time: time(span.end.max(span.start)).max(time(span.start) + LENGTH_MIN),
        attributes: key_values(&span.attributes),
        dropped_attributes_count: 0,
        events,
        links,
        status: span.error.clone().map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder("kintsugi")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

fn context(span: &SpanRecord, id: SpanId) -> SpanContext {
    SpanContext::new(span.trace, id, TraceFlags::SAMPLED, false, TraceState::NONE)
}

fn key_values(attributes: &[(&'static str, Value)]) -> Vec<KeyValue> {
    attributes.iter().map(|(name, value)| KeyValue::new(*name, value.clone())).collect()
}

fn kind(kind: SpanKind) -> opentelemetry::trace::SpanKind {
    match kind {
        SpanKind::Internal => opentelemetry::trace::SpanKind::Internal,
        SpanKind::Consumer => opentelemetry::trace::SpanKind::Consumer,
        SpanKind::Producer => opentelemetry::trace::SpanKind::Producer,
        SpanKind::Server => opentelemetry::trace::SpanKind::Server,
        SpanKind::Client => opentelemetry::trace::SpanKind::Client,
    }
}

fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
}
