//! The transport "Streamable HTTP": a request is a POST, and its answer JSON or a stream of events.

use std::time::{Duration, Instant};

use kintsugi_worker::Failure;
use reqwest::{
    Method, Response, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Map, Value};

use super::rpc::{self, Said};
use crate::{
    Attempt,
    auth::Policy,
    http::{self, invalid},
    sse::Events,
    web::Outgoing,
};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const IDEMPOTENCY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long saying goodbye may take. A server that does not hear it forgets the session anyway.
const GOODBYE: Duration = Duration::from_secs(2);

/// A session with a server.
pub(super) struct Wire<'w> {
    attempt: &'w Attempt<'w>,
    policy: Option<Policy>,
    url: Url,
    own: HeaderMap,
    session: Option<HeaderValue>,
    version: Option<HeaderValue>,
    until: Instant,
}

impl<'w> Wire<'w> {
    pub(super) fn new(
        attempt: &'w Attempt<'w>,
        endpoint: &str,
        policy: Option<Policy>,
        until: Instant,
    ) -> Result<Self, Failure> {
        let url = Url::parse(endpoint)
            .map_err(|error| invalid(format!("`{endpoint}` is not a URL: {error}")))?;
        http::stays(endpoint)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid(format!("`{endpoint}` is neither `http` nor `https`")));
        }
        let own = HeaderMap::new();
        Ok(Self { attempt, policy, url, own, session: None, version: None, until })
    }

    /// Takes the workflow's own headers.
    pub(super) fn headers(&mut self, headers: &Map<String, Value>) -> Result<(), Failure> {
        self.own = http::headers(headers.iter())?;
        Ok(())
    }

    fn request(&self, method: Method) -> Outgoing {
        let mut request = Outgoing::get(self.url.clone());
        request.method = method;
        request.headers = self.own.clone();
        let both = HeaderValue::from_static("application/json, text/event-stream");
        request.headers.insert(ACCEPT, both);
        http::own_headers(&mut request.headers, self.attempt.context);
        for (name, value) in [(SESSION, &self.session), (VERSION, &self.version)] {
            if let Some(value) = value {
                request.headers.insert(name, value.clone());
            }
        }
        request.until = Some(self.until);
        request
    }

    async fn post(&mut self, message: &Value) -> Result<Response, Failure> {
        let mut request = self.request(Method::POST);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !rpc::is_call(message) && !self.own.contains_key(IDEMPOTENCY) {
            // All messages of a call would have the same key, and only one may have an effect.
            request.headers.remove(IDEMPOTENCY);
        }
        request.body = message.to_string().into_bytes();
        let answer = self.attempt.session().open(request, self.policy.as_ref()).await?;
        if let Some(session) = answer.headers().get(SESSION) {
            self.session = Some(session.clone());
        }
        if answer.status().is_success() {
            return Ok(answer);
        }
        let gone = answer.status().as_u16() == 404 && self.version.is_some();
        let answer = self.attempt.calls.web.read(answer).await?;
        if gone {
            let message = "the server does not know the session any more";
            return Err(Failure::retryable(message).kind("communication").status(404));
        }
        let refused = http::check(&answer, false);
        Err(refused.err().unwrap_or_else(|| Failure::retryable("the server's answer is unclear")))
    }

    /// Answers what the server asks; gives the answer to the request, if it is there.
    async fn take(&mut self, message: &[u8], request: &Value) -> Result<Option<Value>, Failure> {
        let message = serde_json::from_slice(message).map_err(|_| {
            Failure::retryable("the server's answer is not JSON").kind("communication")
        })?;
        for said in rpc::said(message, request) {
            match said {
                Said::Answer(answer) => return Ok(Some(answer)),
                Said::Request(answer) => drop(self.post(&answer).await?),
                Said::Nothing => {}
            }
        }
        Ok(None)
    }

    async fn events(
        &mut self,
        mut answer: Response,
        request: &Value,
    ) -> Result<Option<Value>, Failure> {
        let (max, mut size, mut events) =
            (self.attempt.calls.web.config.body_max, 0, Events::default());
        while let Some(chunk) = answer.chunk().await.map_err(crate::web::failed)? {
            size += chunk.len();
            if size > max {
                let message = format!("the server answered with more than {max} bytes");
                return Err(Failure::fatal(message).kind("communication"));
            }
            // An event without data only tells its id (MCP 2025-11-25, "Resumability").
            for event in events.push(&chunk).into_iter().filter(|event| !event.is_empty()) {
                if let Some(answer) = self.take(event.as_bytes(), request).await? {
                    return Ok(Some(answer));
                }
            }
        }
        Ok(None)
    }

    /// Ends the session, where the server has one.
    pub(super) async fn close(mut self) {
        if self.session.is_none() {
            return;
        }
        self.until = Instant::now() + GOODBYE;
        let request = self.request(Method::DELETE);
        // Servers may refuse to (MCP 2025-06-18, "Session Management").
        let _ = self.attempt.session().open(request, self.policy.as_ref()).await;
    }
}

impl super::Wire for Wire<'_> {
    async fn ask(&mut self, request: &Value) -> Result<Value, Failure> {
        let answer = self.post(request).await?;
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let found = if kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            self.events(answer, request).await?
        } else {
            let answer = self.attempt.calls.web.read(answer).await?;
            self.take(&answer.body, request).await?
        };
        found.ok_or_else(|| {
            Failure::retryable("the server ended its answer too early").kind("communication")
        })
    }

    async fn tell(&mut self, message: &Value) -> Result<(), Failure> {
        self.post(message).await.map(drop)
    }

    fn agreed(&mut self, version: String) {
        self.version = HeaderValue::from_str(&version).ok();
    }
}
