//! The outermost layer of HTTP: every request goes in here and every answer out, so that no error,
//! no panic and no slow handler gets past the rules.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock},
};

use futures::FutureExt;
use kintsugi_gateway_chaos::Chaos;
use kintsugi_gateway_ops::{App, Problem};
use kintsugi_observability::TraceParent;
use poem::{
    Endpoint, IntoEndpoint, IntoResponse, Request, Response, Result,
    endpoint::BoxEndpoint,
    error::{MethodNotAllowedError, ResponseError},
    http::{Method, StatusCode},
};
use tokio::{sync::Semaphore, time::timeout};
use tracing::{Instrument, debug_span};
use uuid::Uuid;

use super::{access, assets, compress, docs::Docs, errors, headers, query::Queries};
use crate::api;

/// Everything that is served over HTTP.
pub(crate) struct Shell {
    app: Arc<App>,
    chaos: Arc<Chaos>,
    service: BoxEndpoint<'static, Response>,
    document: String,
    /// Megabytes of scripts, which few ever ask for.
    docs: LazyLock<Docs>,
    queries: Queries,
    requests: Semaphore,
}

impl Shell {
    /// Around `app`.
    pub(crate) fn new(app: Arc<App>, chaos: Arc<Chaos>) -> Self {
        let document = api::document();
        let queries = Queries::from_document(&document);
        let docs: LazyLock<Docs> = LazyLock::new(|| Docs::new(api::service().swagger_ui_html()));
        let requests = Semaphore::new(app.config.requests_max);
        let service = api::service().into_endpoint();
        Self { app, chaos, service, document, docs, queries, requests }
    }

    async fn admit(&self, request: Request) -> Result<Response> {
        let Ok(_permit) = self.requests.try_acquire() else {
            let title = "too many requests are in work";
            return Err(Problem::unavailable("overloaded", title).into());
        };
        let path = request.uri().path();
        if !path.starts_with("/health/") {
            access::check(&self.app.config, &request)?;
        }
        self.queries.check(request.method(), path, request.uri().query())?;
        let mut limit = self.app.config.request_timeout;
        if path.ends_with("/result") {
            limit += self.app.config.wait_max;
        }
        if path.starts_with("/v1/payloads") && *request.method() != Method::GET {
            limit = self.app.config.payloads.upload_timeout;
        }
        match timeout(limit, self.route(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                let title = format!("the request took longer than {} s", limit.as_secs());
                Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", title).into())
            }
        }
    }

    async fn route(&self, mut request: Request) -> Result<Response> {
        let path = request.uri().path();
        let is_api = path == "/metrics"
            || ["/v1", "/health"].iter().any(|top| {
                path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
        if is_api {
            request.set_data(Arc::clone(&self.app));
            request.set_data(Arc::clone(&self.chaos));
            return self.service.call(request).await;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(MethodNotAllowedError.into());
        }
        match path {
            "/openapi.json" => {
                Ok(Response::builder().content_type("application/json").body(self.document.clone()))
            }
            "/docs" | "/docs/" => Ok(self.docs.page()),
            _ => Ok(assets::serve(&request)?),
        }
    }
}

impl Endpoint for Shell {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let encoding = compress::Wanted::of(&request);
        let trace_id = trace_id(&request);
        let span = debug_span!("request", %method, path, trace_id);
        let work = AssertUnwindSafe(self.admit(request)).catch_unwind().instrument(span);
        let response = match work.await {
            Ok(Ok(response)) => errors::response(response, &path),
            Ok(Err(error)) => Err(errors::problem(&error, &path)),
            // The panic itself was logged by its hook.
            Err(_panic) => Err(Problem::internal()),
        };
        let mut response =
            response.unwrap_or_else(|problem| problem.traced(&trace_id).as_response());
        headers::secure(&mut response, &path);
        Ok(encoding.apply(&method, response).into_response())
    }
}

/// The caller's trace, or a new one.
fn trace_id(request: &Request) -> String {
    let given = request.header("traceparent").and_then(TraceParent::parse);
    given.map_or_else(|| Uuid::new_v4().simple().to_string(), |parent| parent.trace.to_string())
}
