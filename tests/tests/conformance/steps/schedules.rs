//! What sentences say of events and schedules.

use std::time::Duration;

use futures::{StreamExt, stream};
use kintsugi_tests::eventually;
use serde_json::{Value, json};

use super::{Outcome, SOON, Stop, World, block, fits, holds, number, yaml};

/// Where it stands up to which event of the stream everything was taken.
const ROUTER: &str = "$JS.API.CONSUMER.INFO.KINTSUGI_CLOUDEVENTS.router";

/// How many events are on their way to the broker at once.
const TOGETHER: usize = 64;

impl World<'_> {
    /// Takes a step that is about events or a schedule.
    pub(super) async fn act_elsewhere(
        &mut self,
        sentence: &str,
        text: Option<&str>,
        quoted: &[&str],
    ) -> Outcome {
        match (sentence, quoted) {
            (s, []) if s.ends_with("events are published:") => {
                self.publish_many(number(s)?, block(text)?).await
            }
            ("what was published has been taken", _) => {
                self.taken().await;
                Ok(())
            }
            (s, []) if s.ends_with("seconds pass") => {
                tokio::time::sleep(Duration::from_secs(number(s)?)).await;
                Ok(())
            }
            (s, [definition]) if s.ends_with("' is retired") => {
                let path = format!("/v1/definitions/{}/retire", definition.replace(':', "/"));
                self.posted(&path, json!({}), 200).await
            }
            (s, [schedule]) if s.ends_with("' is paused") => {
                self.posted(&format!("/v1/schedules/{schedule}/pause"), json!({}), 200).await
            }
            (s, [schedule]) if s.ends_with("' is resumed") => {
                self.posted(&format!("/v1/schedules/{schedule}/resume"), json!({}), 200).await
            }
            (s, [schedule]) if s.ends_with("' should come to have:") => {
                let wanted = yaml(block(text)?)?;
                self.becomes(&format!("/v1/schedules/{schedule}"), &wanted).await
            }
            (s, [schedule]) if s.ends_with("' should be gone") => {
                let (status, answer) = self.client.get(&format!("/v1/schedules/{schedule}")).await;
                holds(status == 404, || format!("{status}: {answer}"))
            }
            (s, [schedule]) if s.contains("' should have started at least ") => {
                self.started_at_least(schedule, number(s)?).await
            }
            (s, [definition]) if s.ends_with("' should be as many as its schedule started") => {
                self.as_many(definition).await
            }
            (s, [definition]) if s.contains("' should begin ") => {
                let least = i64::try_from(number(s)?).unwrap_or(i64::MAX);
                let gaps = gaps(&self.runs(definition).await)?;
                let fits = !gaps.is_empty() && gaps.iter().all(|gap| *gap >= least);
                holds(fits, || format!("milliseconds between runs: {gaps:?}"))
            }
            (s, [definition, status]) if s.starts_with("a run of '") => {
                let runs = self.runs(definition).await;
                let fits = runs.iter().any(|run| run["status"] == *status);
                holds(fits, || format!("{runs:?}"))
            }
            _ => self.act_on_tasks(sentence, text, quoted).await,
        }
    }

    /// Publishes an event as anyone may, once the broker has it.
    pub(super) async fn publish(&mut self, event: Value) -> Outcome {
        self.published = self.published.max(self.sent(event).await?);
        Ok(())
    }

    /// Publishes as many, with their numbers in place of `{n}`.
    async fn publish_many(&mut self, count: u64, text: &str) -> Outcome {
        let events = (0..count).map(|n| yaml(&text.replace("{n}", &n.to_string())));
        let sent = stream::iter(events).map(|event| async { self.sent(event?).await });
        let places: Vec<Result<u64, Stop>> = sent.buffer_unordered(TOGETHER).collect().await;
        for place in places {
            self.published = self.published.max(place?);
        }
        Ok(())
    }

    /// Where in its stream it is.
    async fn sent(&self, mut event: Value) -> Result<u64, Stop> {
        event["specversion"] = "1.0".into();
        let subject = format!("kintsugi.cloudevents.{}", event["type"].as_str().unwrap_or("x"));
        let sent = self.bus.request(&subject, event.to_string().into_bytes(), SOON).await;
        let answer = sent.map_err(|error| Stop::Failed(error.to_string()))?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        answer["seq"].as_u64().ok_or_else(|| Stop::Failed(format!("not taken: {answer}")))
    }

    /// Waits until whoever has to has dealt with all that was published.
    async fn taken(&self) {
        eventually("what was published has been taken", self.patience, || async {
            let about = self.bus.request(ROUTER, Vec::new(), SOON).await.ok()?;
            let about: Value = serde_json::from_slice(&about).ok()?;
            (about["ack_floor"]["stream_seq"].as_u64()? >= self.published).then_some(())
        })
        .await;
    }

    pub(super) async fn posted(&self, path: &str, body: Value, wanted: u16) -> Outcome {
        let (status, answer) = self.client.post(path, &body).await;
        holds(status == wanted, || format!("{status}: {answer}"))
    }

    /// Waits until what is at a path has what is wanted.
    pub(super) async fn becomes(&self, path: &str, wanted: &Value) -> Outcome {
        let last = std::cell::RefCell::new(Value::Null);
        let wait = eventually("it is so", self.patience, || async {
            let (_, found) = self.client.try_get(path).await?;
            let there = fits(&found, wanted);
            *last.borrow_mut() = found;
            there.then_some(())
        });
        let late = tokio::time::timeout(self.patience.mul_f32(0.9), wait).await.is_err();
        holds(!late, || format!("it is {}, not {wanted}", last.borrow()))
    }

    async fn started_at_least(&self, schedule: &str, count: u64) -> Outcome {
        eventually("enough runs were started", self.patience, || async {
            let (_, found) = self.client.try_get(&format!("/v1/schedules/{schedule}")).await?;
            (found["started"].as_u64()? >= count).then_some(())
        })
        .await;
        Ok(())
    }

    /// Every due time has one run, and no run is without one.
    async fn as_many(&self, definition: &str) -> Outcome {
        let runs = self.runs(definition).await.len();
        let schedule = definition.split(':').next().unwrap_or_default();
        let (_, schedule) = self.client.get(&format!("/v1/schedules/{schedule}")).await;
        holds(schedule["started"] == runs, || format!("there are {runs}: {schedule}"))
    }

    /// The runs of a definition, the first first, once all have ended.
    async fn runs(&self, definition: &str) -> Vec<Value> {
        let path = format!("/v1/runs?definition={definition}&limit=200");
        eventually("all runs have ended", self.patience, || async {
            let (_, page) = self.client.try_get(&path).await?;
            let mut runs = page["items"].as_array()?.clone();
            runs.reverse();
            runs.iter().all(|run| run["ended_at"].is_string()).then_some(runs)
        })
        .await
    }
}

/// Milliseconds from the end of each run to the beginning of the next.
fn gaps(runs: &[Value]) -> Result<Vec<i64>, Stop> {
    runs.windows(2).map(|two| Ok(at(&two[1]["created_at"])? - at(&two[0]["ended_at"])?)).collect()
}

fn at(time: &Value) -> Result<i64, Stop> {
    let time = time.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    time.map(jiff::Timestamp::as_millisecond)
        .ok_or_else(|| Stop::Failed("there is no time".to_owned()))
}
