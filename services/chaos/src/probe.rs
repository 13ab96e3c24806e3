//! How long the engine takes to be itself again: a run is started after each fault, and timed.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// The least that shows that every part works: a start, a decision, a task, a result.
const DEFINITION: &str = "document: {dsl: '1.0.3', namespace: chaos, name: probe, version: '1.0.0'}\n\
    do: [{work: {call: simulate, with: {mode: succeed}}}]";

/// How long one request may take; a gateway that is frozen answers none.
const ANSWER: Duration = Duration::from_secs(2);

/// Between two requests that fail.
const PAUSE: Duration = Duration::from_millis(25);

/// A client of any gateway.
pub(crate) fn client() -> Client {
    // Only the first one in a process counts; all are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

/// Starts runs and waits for them. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    client: Client,
    base: String,
}

impl Probe {
    pub(crate) fn new(base: &str) -> Self {
        Self { client: client(), base: base.to_owned() }
    }

    /// Registers what is started.
    pub(crate) async fn define(&self) -> Result<(), String> {
        let url = format!("{}/v1/definitions", self.base);
        let request = self.client.post(url).header("content-type", "application/yaml");
        let answer = request.body(DEFINITION).timeout(ANSWER).send().await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(answer.text().await.unwrap_or_default())
    }

    /// Starts a run, again and again until that is answered, and gives the time from `since` to its end;
    /// none: it did not complete within `within`.
    pub(crate) async fn time(
        &self,
        run: &str,
        since: Instant,
        within: Duration,
    ) -> Option<Duration> {
        let completed = async {
            let request = json!({ "definition": "chaos/probe:1.0.0", "id": run, "input": {} });
            while self.post("/v1/runs", &request).await.is_none() {
                sleep(PAUSE).await;
            }
            loop {
                let path = format!("/v1/runs/{run}/result?wait=1s");
                match self.get(&path).await {
                    Some(result) if result["status"] == "completed" => return since.elapsed(),
                    _ => sleep(PAUSE).await,
                }
            }
        };
        tokio::time::timeout(within, completed).await.ok()
    }

    async fn post(&self, path: &str, body: &Value) -> Option<()> {
        let request = self.client.post(format!("{}{path}", self.base)).json(body);
        let answer = request.timeout(ANSWER).send().await.ok()?;
        answer.status().is_success().then_some(())
    }

    async fn get(&self, path: &str) -> Option<Value> {
        let request = self.client.get(format!("{}{path}", self.base)).timeout(ANSWER);
        let answer = request.send().await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        answer.json().await.ok()
    }
}
