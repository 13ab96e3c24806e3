//! Requests to a gateway.

use std::time::{Duration, Instant};

use reqwest::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::eventually;

/// A client of one gateway.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    /// A client of the gateway at `base`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        // Only the first one in a process counts; all are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { http: reqwest::Client::new(), base: base.trim_end_matches('/').to_owned() }
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// GETs a path; `None` when nobody answers.
    pub async fn try_get(&self, path: &str) -> Option<(StatusCode, Value)> {
        let answer = self.http.get(self.url(path)).timeout(Duration::from_secs(40)).send().await;
        let answer = answer.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// GETs a path.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.try_get(path).await.unwrap_or_else(|| panic!("nobody answers {path}"))
    }

    /// POSTs JSON; `None` when nobody answers.
    pub async fn try_post(&self, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        self.try_send(path, "application/json", body.to_string()).await
    }

    /// POSTs JSON.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.try_post(path, body).await.unwrap_or_else(|| panic!("nobody answers {path}"))
    }

    /// PUTs JSON.
    pub async fn put(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.http.put(self.url(path)).header(CONTENT_TYPE, "application/json");
        answered(request.body(body.to_string()), path).await
    }

    /// DELETEs a path.
    pub async fn delete(&self, path: &str) -> (StatusCode, Value) {
        answered(self.http.delete(self.url(path)), path).await
    }

    /// POSTs a text of some type; `None` when nobody answers.
    pub async fn try_send(
        &self,
        path: &str,
        kind: &str,
        body: impl Into<reqwest::Body>,
    ) -> Option<(StatusCode, Value)> {
        let request = self.http.post(self.url(path)).header(CONTENT_TYPE, kind).body(body);
        let answer = request.timeout(Duration::from_secs(20)).send().await.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// Registers a definition, which must be accepted.
    pub async fn define(&self, yaml: &str) {
        let answer = self.try_send("/v1/definitions", "application/yaml", yaml.to_owned()).await;
        let (status, body) = answer.expect("nobody answers");
        assert!(status == 201 || status == 200, "{status}: {body}");
    }

    /// Starts a run, which must be accepted, and gives its id.
    pub async fn start(&self, definition: &str, input: Value) -> String {
        let request = json!({ "definition": definition, "input": input });
        let (status, body) = self.post("/v1/runs", &request).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().expect("an id").to_owned()
    }

    /// Waits until a run is terminal, and gives it.
    pub async fn ended(&self, run: &str, within: Duration) -> Value {
        let what = format!("run {run} ends");
        eventually(&what, within, || self.end_of(run)).await
    }

    /// The same on an engine that is slow because it is killed all the time: `within` counts anew
    /// with each event of the run, five times at most. Panics with what the engine says of the run.
    pub async fn ended_while_it_moves(&self, run: &str, within: Duration) -> Value {
        let (began, mut moved, mut length) = (Instant::now(), Instant::now(), Value::Null);
        loop {
            if let Some(ended) = self.end_of(run).await {
                return ended;
            }
            if let Some((_, now)) = self.try_get(&format!("/v1/runs/{run}")).await
                && now["history_length"] != length
            {
                (moved, length) = (Instant::now(), now["history_length"].clone());
            }
            if moved.elapsed() > within || began.elapsed() > within * 5 {
                let why = self.try_get(&format!("/v1/runs/{run}/explain")).await;
                panic!(
                    "run {run} has not ended in {:?}; nothing new for {:?}: {why:?}",
                    began.elapsed(),
                    moved.elapsed()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A run that is terminal, within five seconds.
    async fn end_of(&self, run: &str) -> Option<Value> {
        let (status, _) = self.try_get(&format!("/v1/runs/{run}/result?wait=5s")).await?;
        if status != 200 {
            return None;
        }
        let (status, run) = self.try_get(&format!("/v1/runs/{run}")).await?;
        (status == 200).then_some(run)
    }

    /// Waits until a run is as wanted, and gives it.
    pub async fn until(
        &self,
        run: &str,
        what: &str,
        within: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(what, within, || async {
            let (_, run) = self.try_get(&format!("/v1/runs/{run}")).await?;
            wanted(&run).then_some(run)
        })
        .await
    }
}

async fn answered(request: reqwest::RequestBuilder, path: &str) -> (StatusCode, Value) {
    let answer = request.timeout(Duration::from_secs(20)).send().await;
    let answer = answer.unwrap_or_else(|_| panic!("nobody answers {path}"));
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
