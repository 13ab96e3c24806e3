//! What sentences say of the registry, of people and of dead letters.

use kintsugi_tests::eventually;
use serde_json::{Value, json};

use super::{Outcome, SOON, Stop, World, block, fits, holds, number, yaml};

impl World<'_> {
    /// Takes a step that is about a task that others carry out.
    pub(super) async fn act_on_tasks(
        &mut self,
        sentence: &str,
        text: Option<&str>,
        quoted: &[&str],
    ) -> Outcome {
        match (sentence, quoted) {
            (s, [name]) if s.starts_with("a task type '") && s.contains("should be refused") => {
                let refused = self.put(name, block(text)?).await;
                let wanted = number(s)?;
                match refused {
                    Err(kintsugi_nats::Error::Api { status, .. })
                        if u64::from(status) == wanted =>
                    {
                        Ok(())
                    }
                    other => Err(Stop::Failed(format!("{other:?}"))),
                }
            }
            (s, [name]) if s.starts_with("a task type '") => {
                let put = self.put(name, block(text)?).await;
                put.map(|_| ()).map_err(|error| Stop::Failed(error.to_string()))
            }
            ("a person should be asked:", _) => self.asks(&yaml(block(text)?)?).await.map(|_| ()),
            (s, []) if s.starts_with("an answer should be refused with ") => {
                let task = self.asks(&json!({})).await?;
                let path = format!("/v1/human-tasks/{}/answer", task["id"].as_str().unwrap_or("?"));
                let answer = json!({ "answer": yaml(block(text)?)? });
                self.posted(&path, answer, u16::try_from(number(s)?).unwrap_or(0)).await
            }
            (s, [definition]) if s.starts_with("the dead letter of '") => {
                self.redrive(definition, yaml(block(text)?)?).await
            }
            ("the workflow has completed", _) => {
                let run = self.run_id().unwrap_or_default();
                let completed = |run: &Value| run["status"] == "completed";
                let what = "the run completes";
                self.run = Some(self.client.until(&run, what, self.patience, completed).await);
                Ok(())
            }
            (s, []) if s.contains("events are sent to the workflow:") => {
                for n in 0..number(s)? {
                    let event = yaml(&block(text)?.replace("{n}", &n.to_string()))?;
                    self.post("events", event, 202).await?;
                }
                Ok(())
            }
            (s, []) if s.starts_with("an event should be refused with ") => {
                let status = u16::try_from(number(s)?).unwrap_or(0);
                self.post("events", yaml(block(text)?)?, status).await
            }
            _ => Err(Stop::Failed("nobody knows this step".to_owned())),
        }
    }

    /// Says something of a task type to the registry.
    async fn put(&self, name: &str, text: &str) -> Result<Vec<u8>, kintsugi_nats::Error> {
        let body = yaml(text).unwrap_or(Value::Null);
        let entry = json!({ "id": name, "body": body }).to_string().into_bytes();
        self.bus.request("kintsugi.api.task-type.put", entry, SOON).await
    }

    /// An open task of a person in the run that has all that is wanted.
    async fn asks(&self, wanted: &Value) -> Result<Value, Stop> {
        let run = self.run_id().ok_or_else(|| Stop::Failed("nothing was started".to_owned()))?;
        let path = format!("/v1/human-tasks?status=open&run={run}");
        let found = eventually("a person is asked", self.patience, || async {
            let (_, page) = self.client.try_get(&path).await?;
            let tasks = page["items"].as_array()?;
            tasks.iter().find(|task| fits(task, wanted)).cloned()
        });
        Ok(found.await)
    }

    /// Tries again what the only run of a definition gave up, with another input.
    async fn redrive(&self, definition: &str, input: Value) -> Outcome {
        let letter = eventually("a dead letter", self.patience, || async {
            let path = format!("/v1/runs?definition={definition}");
            let (_, page) = self.client.try_get(&path).await?;
            let run = page["items"][0]["id"].as_str()?.to_owned();
            let path = format!("/v1/dead-letters?status=open&run={run}");
            let (_, found) = self.client.try_get(&path).await?;
            found["items"][0]["id"].as_str().map(str::to_owned)
        })
        .await;
        let path = format!("/v1/dead-letters/{letter}/redrive");
        let (status, answer) = self.client.post(&path, &json!({ "input": input })).await;
        holds(status == 202, || format!("{status}: {answer}"))
    }
}
