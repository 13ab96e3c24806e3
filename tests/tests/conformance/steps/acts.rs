//! What sentences do to runs and definitions.

use std::time::{Duration, Instant};

use kintsugi_tests::eventually;
use serde_json::{Value, json};

use super::{Outcome, Stop, World, block, holds, same, yaml};

impl World<'_> {
    /// Takes a step that does something to a run under way, or to another definition.
    pub(super) async fn act(
        &mut self,
        sentence: &str,
        text: Option<&str>,
        quoted: &[&str],
    ) -> Outcome {
        match (sentence, quoted) {
            ("another definition:", _) => {
                self.client.define(block(text)?).await;
                Ok(())
            }
            ("the workflow is started", _) => self.start().await.map(|_| ()),
            ("the workflow listens", _) => self.listens().await,
            ("the workflow is cancelled", _) => self.post("cancel", json!({}), 202).await,
            ("the workflow has ended", _) => self.end().await,
            ("the lifecycle events of the run are:", _) => self.life(block(text)?).await,
            ("an event is sent to the workflow:", _) => {
                self.post("events", yaml(block(text)?)?, 202).await
            }
            (s, [definition]) if s.ends_with("' is there") => {
                self.run_of(definition, |_| true).await;
                Ok(())
            }
            (s, [definition, status]) if s.starts_with("the run of '") => {
                self.run_of(definition, |run| run["status"] == *status).await;
                Ok(())
            }
            _ => self.act_elsewhere(sentence, text, quoted).await,
        }
    }

    pub(super) async fn execute(&mut self) -> Outcome {
        let begun = self.start().await?;
        self.end().await?;
        self.took = begun.elapsed();
        Ok(())
    }

    /// Starts a run, which must be accepted; says when.
    pub(super) async fn start(&mut self) -> Result<Instant, Stop> {
        let Some(definition) = self.register().await? else {
            let problems = self.registered["problems"].as_array().cloned().unwrap_or_default();
            let unsupported = problems.iter().all(|problem| problem["code"] == "unsupported");
            let said: Vec<_> = problems.iter().map(|p| p["message"].to_string()).collect();
            let said = said.join("; ");
            return Err(if unsupported { Stop::Unsupported(said) } else { Stop::Failed(said) });
        };
        let begun = Instant::now();
        let run = self.client.start(&definition, self.input.clone()).await;
        self.run = Some(json!({ "id": run }));
        Ok(begun)
    }

    pub(super) async fn end(&mut self) -> Outcome {
        let run = self.started_run()?;
        let answering = async {
            self.answer(&run).await;
            std::future::pending::<Value>().await
        };
        let ended = tokio::select! {
            ended = self.client.ended_while_it_moves(&run, self.patience) => ended,
            never = answering => never,
        };
        self.run = Some(ended);
        Ok(())
    }

    fn started_run(&self) -> Result<String, Stop> {
        self.run_id().ok_or_else(|| Stop::Failed("nothing was started".to_owned()))
    }

    /// Waits until the run waits, which for one that listens means that it does.
    pub(super) async fn listens(&self) -> Outcome {
        let run = self.started_run()?;
        let waits = |run: &Value| run["status"] == "waiting";
        self.client.until(&run, "the run listens", self.patience, waits).await;
        Ok(())
    }

    /// Asks something of the run; again when it is told to, as any client should.
    pub(super) async fn post(&self, what: &str, body: Value, wanted: u16) -> Outcome {
        let path = format!("/v1/runs/{}/{what}", self.started_run()?);
        let began = Instant::now();
        loop {
            let (status, answer) = self.client.post(&path, &body).await;
            match answer["retry_after"].as_u64() {
                Some(seconds) if status == 503 && began.elapsed() < self.patience => {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                }
                _ => return holds(status == wanted, || format!("{status}: {answer}")),
            }
        }
    }

    /// Waits for the only run of another definition to be as wanted.
    pub(super) async fn run_of(&self, definition: &str, wanted: impl Fn(&Value) -> bool) {
        let path = format!("/v1/runs?definition={definition}");
        let what = format!("the run of {definition}");
        eventually(&what, self.patience, || async {
            let (_, page) = self.client.try_get(&path).await?;
            let [run] = &page["items"].as_array()?[..] else { return None };
            wanted(run).then_some(())
        })
        .await;
    }

    /// Answers what the run asks people, each question once it is open, again until it is not.
    async fn answer(&self, run: &str) {
        for (title, answer) in &self.answers {
            let path = format!("/v1/human-tasks?status=open&run={run}");
            let task = eventually("a person is asked", self.patience, || async {
                let (_, page) = self.client.try_get(&path).await?;
                let tasks = page["items"].as_array()?;
                tasks.iter().find(|task| task["title"] == **title).cloned()
            })
            .await;
            let path = format!("/v1/human-tasks/{}/answer", task["id"].as_str().unwrap_or("?"));
            eventually("the answer is taken", self.patience, || async {
                let given = json!({ "answer": answer, "by": "somebody" });
                let (status, _) = self.client.try_post(&path, &given).await?;
                [202, 409].contains(&status.as_u16()).then_some(())
            })
            .await;
        }
    }

    /// Waits until so many runs of the definition have ended, and takes the newest; more are too many.
    pub(super) async fn started(&mut self, count: u64) -> Outcome {
        let definition = self.registered["definition"].as_str().unwrap_or_default();
        let path = format!("/v1/runs?definition={definition}");
        let runs = eventually("the runs have ended", self.patience, || async {
            let (_, page) = self.client.try_get(&path).await?;
            let runs = page["items"].as_array()?.clone();
            let ended = runs.iter().all(|run| run["ended_at"].is_string());
            (ended && runs.len() as u64 >= count).then_some(runs)
        })
        .await;
        same(&json!(runs.len()), &json!(count), "the number of runs")?;
        let newest = runs[0]["id"].as_str().unwrap_or_default();
        self.run = Some(self.client.ended(newest, self.patience).await);
        Ok(())
    }
}
