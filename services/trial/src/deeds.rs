//! What is done about runs: they are cancelled, sent events, answered, redriven, and looked at.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{Chance, load::Shared};

/// Pause between two tries of the same.
const AGAIN: Duration = Duration::from_millis(200);

/// What is looked at in one list.
const PAGE: usize = 200;

impl Shared {
    /// Cancels a run, until it is answered once.
    pub(crate) async fn cancel(&self, id: &str) {
        while !self.has_stopped() {
            if let Some(_resting) = self.rest() {
                let path = format!("/v1/runs/{id}/cancel");
                if let Some((status, _)) = self.client.post(&path, &json!({})).await {
                    if status == 202 {
                        let mut kept = self.kept();
                        kept.answers.cancelled.insert(id.to_owned());
                        kept.cancelled.insert(id.to_owned());
                    }
                    if status.is_success() {
                        return;
                    }
                }
            }
            sleep(AGAIN).await;
        }
    }

    /// Sends a run what it listens for, until it is answered once: first what another run would listen
    /// for, which it must not take.
    pub(crate) async fn signal(&self, id: &str) {
        for (event, order) in [("other", "nobody"), ("own", id)] {
            let body = json!({ "type": "trial.answered", "id": format!("{id}-{event}"),
                "data": { "order": order } });
            while !self.has_stopped() {
                let path = format!("/v1/runs/{id}/events");
                let answer = self.client.post(&path, &body).await;
                if answer.is_some_and(|(status, _)| status.is_success()) {
                    break;
                }
                sleep(AGAIN).await;
            }
        }
    }

    /// The items of a list; none when nobody can say.
    async fn listed(&self, path: &str) -> Option<Vec<Value>> {
        let (status, found) = self.client.get(path).await?;
        found["items"].as_array().filter(|_| status == 200).cloned()
    }
}

/// Looks at runs here and there, and keeps what is said of those that are completed.
pub(crate) async fn watch(shared: Arc<Shared>, mut chance: Chance) {
    while !shared.has_stopped() {
        sleep(Duration::from_millis(40)).await;
        let one = {
            let kept = shared.kept();
            let answers = &kept.answers;
            let unseen = answers.accepted.iter().filter(|id| !answers.completed.contains_key(*id));
            let unseen: Vec<&String> = unseen.collect();
            unseen.get(chance.place(unseen.len())).map(|id| (*id).clone())
        };
        let Some(id) = one else { continue };
        let path = format!("/v1/runs/{id}/result?wait=0s");
        let Some((status, result)) = shared.client.get(&path).await else { continue };
        if status == 200 && result["status"] == "completed" {
            shared.kept().answers.completed.insert(id, result["output"].clone());
        }
    }
}

/// Redrives every task that parks, and half of those that ended their run; each once.
pub(crate) async fn redrive(shared: Arc<Shared>) {
    while !shared.has_stopped() {
        sleep(Duration::from_millis(300)).await;
        for name in ["parks", "faults"] {
            let path =
                format!("/v1/dead-letters?status=open&definition=load/{name}:1.0.0&limit={PAGE}");
            for letter in shared.listed(&path).await.unwrap_or_default() {
                let id = letter["id"].as_str().unwrap_or_default();
                let half = id.bytes().map(usize::from).sum::<usize>() % 2 == 0;
                let is_new = !shared.kept().answers.redriven.contains(id);
                let wanted = is_new && (name == "parks" || half);
                let Some(_resting) = shared.rest().filter(|_| wanted) else { continue };
                let input = json!({ "input": { "mode": "succeed", "output": "mended" } });
                let path = format!("/v1/dead-letters/{id}/redrive");
                let answer = shared.client.post(&path, &input).await;
                if answer.is_some_and(|(status, _)| status == 202) {
                    let mut kept = shared.kept();
                    kept.answers.redriven.insert(id.to_owned());
                    kept.redriven.insert(id.to_owned());
                }
            }
        }
    }
}

/// Answers every task of a person, once.
pub(crate) async fn answer(shared: Arc<Shared>) {
    while !shared.has_stopped() {
        sleep(Duration::from_millis(300)).await;
        let path = format!("/v1/human-tasks?status=open&limit={PAGE}");
        for task in shared.listed(&path).await.unwrap_or_default() {
            let id = task["id"].as_str().unwrap_or_default();
            let is_own = task["definition"] == "load/people:1.0.0";
            if !is_own || shared.kept().answered.contains(id) {
                continue;
            }
            let body = json!({ "answer": { "ok": true }, "by": "the trial" });
            let path = format!("/v1/human-tasks/{id}/answer");
            let answer = shared.client.post(&path, &body).await;
            if answer.is_some_and(|(status, _)| status == 202) {
                shared.kept().answered.insert(id.to_owned());
            }
        }
    }
}
