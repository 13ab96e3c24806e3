//! Requests to the gateway under trial.

use std::time::Duration;

use reqwest::{StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::Error;

/// How long one request may take: longer than any wait that the gateway is asked for.
const ANSWER: Duration = Duration::from_secs(20);

/// How long a definition is offered.
const DEFINE: Duration = Duration::from_secs(60);

/// A client of one gateway.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        // Only the first one in a process counts; all are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { http: reqwest::Client::new(), base: base.trim_end_matches('/').to_owned() }
    }

    /// GETs a path; none when nobody answers.
    pub(crate) async fn get(&self, path: &str) -> Option<(StatusCode, Value)> {
        answered(self.http.get(format!("{}{path}", self.base))).await
    }

    /// POSTs JSON; none when nobody answers.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        self.send(path, "application/json", body.to_string()).await
    }

    async fn send(&self, path: &str, kind: &str, body: String) -> Option<(StatusCode, Value)> {
        let request = self.http.post(format!("{}{path}", self.base)).header(CONTENT_TYPE, kind);
        answered(request.body(body)).await
    }

    /// Registers a definition, and gives its `namespace/name:version`.
    pub(crate) async fn define(&self, yaml: &str) -> Result<String, Error> {
        let deadline = Instant::now() + DEFINE;
        while Instant::now() < deadline {
            let answer = self.send("/v1/definitions", "application/yaml", yaml.to_owned()).await;
            match answer {
                Some((status, body)) if status.is_success() => {
                    if let Some(reference) = body["definition"].as_str() {
                        return Ok(reference.to_owned());
                    }
                }
                Some((status, body)) if status.is_client_error() => {
                    let (status, answer) = (status.as_u16(), body.to_string());
                    return Err(Error::Definition { status, answer });
                }
                _ => {}
            }
            sleep(Duration::from_millis(200)).await;
        }
        Err(Error::Gateway { url: self.base.clone(), within: DEFINE })
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Option<(StatusCode, Value)> {
    let answer = request.timeout(ANSWER).send().await.ok()?;
    let status = answer.status();
    let text = answer.text().await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}
