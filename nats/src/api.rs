//! Request and reply: the engine's services on the bus, by the NATS services API (ADR-32 of NATS),
//! so that `nats micro ls`, `info` and `stats` show them.

use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_nats::{
    HeaderMap, RequestErrorKind,
    service::{NATS_SERVICE_ERROR, NATS_SERVICE_ERROR_CODE, Request, Service, ServiceExt},
};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use serde_json::json;
use tokio::task::JoinSet;
use tracing::{debug, error};

use crate::{Bus, Error, Headers};

/// Nobody listens here: see [`answer`].
const NOWHERE: &str = "kintsugi.nowhere";

/// What a service says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceInfo {
    /// Its name, for example `kintsugi-orchestrator`.
    pub name: String,
    /// Its version, semantic.
    pub version: String,
    /// For people.
    pub description: String,
}

/// One thing that a service does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// Its subject, perhaps with wildcards; begins with `kintsugi.api.`, which no stream has.
    pub subject: String,
    /// How many requests are handled at the same time; more wait.
    pub concurrency: usize,
    /// For people and programs, for example `request_schema` and `response_schema`.
    pub metadata: HashMap<String, String>,
}

impl Endpoint {
    /// An endpoint that handles 64 requests at the same time.
    #[must_use]
    pub fn new(name: &str, subject: &str) -> Self {
        let (name, subject) = (name.to_owned(), subject.to_owned());
        Self { name, subject, concurrency: 64, metadata: HashMap::new() }
    }

    /// With another number of requests at the same time.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// With one more piece of metadata.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }
}

/// A request to a service.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// Name of the endpoint that it came to.
    pub endpoint: String,
    /// The subject that it was sent to.
    pub subject: String,
    /// What came.
    pub payload: Bytes,
    /// Its headers.
    pub headers: Headers,
}

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// As an HTTP status.
    pub status: u16,
    /// For people, in a header.
    pub title: String,
    /// Problem details (RFC 9457).
    pub body: Vec<u8>,
}

impl ApiError {
    /// An error whose body has only status and title.
    #[must_use]
    pub fn new(status: u16, title: &str) -> Self {
        let body = json!({ "type": "about:blank", "status": status, "title": title });
        Self { status, title: title.to_owned(), body: body.to_string().into_bytes() }
    }
}

/// A service that is being served, until dropped.
#[derive(Debug)]
pub struct ApiService {
    service: Option<Service>,
    _tasks: JoinSet<()>,
}

impl ApiService {
    /// Takes no more requests; those under way are dropped.
    pub async fn stop(mut self) {
        if let Some(service) = self.service.take() {
            let _ = service.stop().await;
        }
    }
}

impl Drop for ApiService {
    fn drop(&mut self) {
        // Only `stop` ends the task that answers for the service; it does not wait for anything.
        if let Some(service) = self.service.take() {
            let _ = service.stop().now_or_never();
        }
    }
}

impl Bus {
    /// Serves `endpoints` with `handler` until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// When the service's name, its version or a subject is refused, or there is no connection.
    pub async fn serve_api<H, F>(
        &self,
        info: &ServiceInfo,
        endpoints: Vec<Endpoint>,
        handler: H,
    ) -> Result<ApiService, Error>
    where
        H: Fn(ApiRequest) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<u8>, ApiError>> + Send + 'static,
    {
        const ACTION: &str = "serve requests";
        let service = self.client.service_builder().description(&info.description);
        let service = service.start(&info.name, &info.version).await;
        let service = service.map_err(|error| Error::refused(ACTION, error))?;
        let mut tasks = JoinSet::new();
        let handler = Arc::new(handler);
        for endpoint in endpoints {
            if !endpoint.subject.starts_with("kintsugi.api.") {
                let (what, rule) = ("endpoint", "kintsugi.api.<tokens>");
                return Err(Error::Invalid { what, value: endpoint.subject, rule });
            }
            let builder = service.endpoint_builder().name(&endpoint.name);
            let requests = builder.metadata(endpoint.metadata).add(&endpoint.subject).await;
            let requests = requests.map_err(|error| Error::refused(ACTION, error))?;
            let (bus, handler) = (self.clone(), Arc::clone(&handler));
            let (name, concurrency) = (endpoint.name, endpoint.concurrency.max(1));
            tasks.spawn(requests.for_each_concurrent(concurrency, move |request| {
                let (bus, handler, name) = (bus.clone(), Arc::clone(&handler), name.clone());
                async move { serve(&bus, &*handler, name, request).await }
            }));
        }
        Ok(ApiService { service: Some(service), _tasks: tasks })
    }

    /// Shows a service that has no requests to serve: one endpoint says whether it is ready.
    ///
    /// # Errors
    ///
    /// As for [`Bus::serve_api`].
    pub async fn serve_health(
        &self,
        info: &ServiceInfo,
        is_ready: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<ApiService, Error> {
        let subject =
            format!("kintsugi.api.health.{}", crate::names::token("service", &info.name)?);
        let endpoint = Endpoint::new("health", &subject);
        let answer = move |_| {
            let status = if is_ready() { "ready" } else { "unavailable" };
            async move { Ok(format!("{{\"status\":\"{status}\"}}").into_bytes()) }
        };
        self.serve_api(info, vec![endpoint], answer).await
    }

    /// Asks a service.
    ///
    /// # Errors
    ///
    /// [`Error::NoResponders`] when nobody serves it, [`Error::Api`] when it answers with an error.
    pub async fn request(
        &self,
        subject: &str,
        payload: Vec<u8>,
        timeout: Duration,
    ) -> Result<Vec<u8>, Error> {
        self.request_with(subject, payload, Headers::default(), timeout).await
    }

    /// Asks a service, with headers.
    ///
    /// # Errors
    ///
    /// As for [`Bus::request`].
    pub async fn request_with(
        &self,
        subject: &str,
        payload: Vec<u8>,
        headers: Headers,
        timeout: Duration,
    ) -> Result<Vec<u8>, Error> {
        const ACTION: &str = "ask a service";
        let mut request = async_nats::Request::new().timeout(Some(timeout)).payload(payload.into());
        let headers = headers.into_broker();
        if !headers.is_empty() {
            request = request.headers(headers);
        }
        let asked = self.client.send_request(subject.to_owned(), request);
        let limit = timeout + Duration::from_millis(250);
        let answer = tokio::time::timeout(limit, asked).await;
        let answer = answer.map_err(|elapsed| Error::unavailable(ACTION, elapsed))?;
        let answer = answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => Error::NoResponders { subject: subject.to_owned() },
            _ => Error::unavailable(ACTION, error),
        })?;
        let status =
            answer.headers.as_ref().and_then(|headers| headers.get(NATS_SERVICE_ERROR_CODE));
        if let Some(status) = status {
            let status = status.as_str().parse().unwrap_or(500);
            return Err(Error::Api {
                subject: subject.to_owned(),
                status,
                body: answer.payload.to_vec(),
            });
        }
        Ok(answer.payload.to_vec())
    }
}

async fn serve<H, F>(bus: &Bus, handler: &H, endpoint: String, request: Request)
where
    H: Fn(ApiRequest) -> F,
    F: Future<Output = Result<Vec<u8>, ApiError>>,
{
    let asked = ApiRequest {
        endpoint,
        subject: request.message.subject.to_string(),
        payload: request.message.payload.clone(),
        headers: Headers::from_broker(request.message.headers.as_ref()),
    };
    let subject = asked.subject.clone();
    // The call itself stands inside: it may panic before it gives a future.
    let handled = AssertUnwindSafe(async { handler(asked).await }).catch_unwind().await;
    let outcome = handled.unwrap_or_else(|_| {
        error!(subject, "handler panicked");
        Err(ApiError::new(500, "the service failed; this is a bug in Kintsugi"))
    });
    let max = bus.client.max_payload();
    let outcome = match outcome {
        Ok(body) if body.len() > max => {
            Err(ApiError::new(500, "the answer is larger than the broker takes"))
        }
        other => other,
    };
    if let Err(problem) = answer(bus, request, outcome).await {
        debug!(subject, error = &problem as &dyn std::error::Error, "request not answered");
    }
}

/// Answers. The client sends errors without a body, so one with a body is sent here, and
/// the client's goes nowhere: it is sent nevertheless so that it counts in the statistics.
async fn answer(
    bus: &Bus,
    mut request: Request,
    outcome: Result<Vec<u8>, ApiError>,
) -> Result<(), async_nats::PublishError> {
    let ApiError { status, title, body } = match outcome {
        Ok(body) => return request.respond(Ok(body.into())).await,
        Err(error) => error,
    };
    let title = title.replace(['\r', '\n'], " ");
    if let Some(reply) = request.message.reply.replace(NOWHERE.into()) {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_SERVICE_ERROR, title.as_str());
        headers.insert(NATS_SERVICE_ERROR_CODE, status.to_string());
        headers.insert("Content-Type", "application/problem+json");
        bus.client.publish_with_headers(reply, headers, body.into()).await?;
    }
    let counted = async_nats::service::error::Error { status: title, code: usize::from(status) };
    request.respond(Err(counted)).await
}
