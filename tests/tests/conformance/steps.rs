//! What the sentences of features mean.

mod acts;
mod life;
mod schedules;
mod tasks;

use std::{net::SocketAddr, time::Duration};

use kintsugi_core::Error;
use kintsugi_definition::{Limits, read};
use serde_json::{Value, json};

use kintsugi_nats::Bus;
use kintsugi_tests::{Client, Trouble, eventually};

use crate::stub::Stub;

/// How long the history of a run that has ended may take to come.
const SOON: Duration = Duration::from_secs(40);

/// Why a scenario does not go on.
pub(crate) enum Stop {
    /// The engine refuses by name what it uses.
    Unsupported(String),
    /// A sentence does not hold.
    Failed(String),
}

/// What a scenario knows so far.
pub(crate) struct World<'s> {
    client: Client,
    bus: &'s Bus,
    stub: &'s Stub,
    /// Where that is for this scenario.
    place: SocketAddr,
    definition: String,
    input: Value,
    registered: Value,
    /// Titles of tasks of people, and what these answer.
    answers: Vec<(String, Value)>,
    run: Option<Value>,
    took: Duration,
    trouble: Trouble,
    patience: Duration,
    /// Where in its stream the newest event is that was published.
    published: u64,
}

type Outcome = Result<(), Stop>;

impl<'s> World<'s> {
    pub(crate) fn new(client: Client, bus: &'s Bus, stub: &'s Stub, trouble: Trouble) -> Self {
        let patience = Duration::from_secs(if trouble == Trouble::None { 40 } else { 120 });
        let definition = String::new();
        let (input, registered) = (json!({}), Value::Null);
        let took = Duration::ZERO;
        Self {
            client,
            bus,
            stub,
            place: stub.place(),
            definition,
            input,
            registered,
            answers: Vec::new(),
            run: None,
            took,
            trouble,
            patience,
            published: 0,
        }
    }

    /// The id of the run, if there was one.
    pub(crate) fn run_id(&self) -> Option<String> {
        self.run.as_ref()?["id"].as_str().map(str::to_owned)
    }

    /// Takes one step; `text` is the block below it.
    pub(crate) async fn step(&mut self, sentence: &str, text: Option<&str>) -> Outcome {
        let text = text.map(|text| self.stub.replaced(text, self.place));
        let text = text.as_deref();
        let quoted: Vec<&str> = sentence.split('\'').skip(1).step_by(2).collect();
        match (sentence, &quoted[..]) {
            ("a workflow with definition:", _) => self.define(block(text)?),
            ("given the workflow input is:" | "the workflow input is:", _) => {
                self.input = yaml(block(text)?)?;
                Ok(())
            }
            (s, [title]) if s.starts_with("a person answers '") => {
                self.answers.push(((*title).to_owned(), yaml(block(text)?)?));
                Ok(())
            }
            ("the workflow is executed", _) => self.execute().await,
            ("an event is published:", _) => self.publish(yaml(block(text)?)?).await,
            (s, []) if s.ends_with("runs should be started") => self.started(number(s)?).await,
            ("the definition is registered", _) => self.register().await.map(|_| ()),
            ("the workflow should complete", _) => self.ended_as("completed").map(|_| ()),
            ("the workflow should fault", _) => self.ended_as("faulted").map(|_| ()),
            ("the workflow should cancel", _) => self.ended_as("cancelled").map(|_| ()),
            ("the workflow should complete with output:", _) => {
                let run = self.ended_as("completed")?;
                same(&run["output"], &yaml(block(text)?)?, "the output")
            }
            ("the workflow should fault with error:", _) => {
                let run = self.ended_as("faulted")?;
                self.error(&run["error"], &yaml(block(text)?)?)
            }
            (s, [path]) if s.starts_with("a resource '") => {
                self.stub.put(path, block(text)?);
                Ok(())
            }
            (s, [path]) if s.contains("' should have been asked for ") => {
                self.asked(path, number(s)?)
            }
            (s, [code]) if s.starts_with("the definition should be refused with") => {
                self.problem("problems", code)
            }
            (s, [code]) if s.starts_with("the definition should be warned of with") => {
                self.problem("warnings", code)
            }
            (s, [code]) if s.starts_with("the definition should be told of as") => {
                self.problem("portability", code)
            }
            ("the definition should be accepted", _) => {
                let accepted = self.registered["definition"].is_string();
                holds(accepted, || format!("{}", self.registered))
            }
            (s, _) if s.starts_with("the workflow should take at least") => {
                let least = Duration::from_millis(number(s)?);
                holds(self.took >= least, || format!("it took {:?}", self.took))
            }
            (s, paths) if s.starts_with("the workflow output should have properties") => {
                paths.iter().try_for_each(|path| self.property(path).map(|_| ()))
            }
            (s, [path]) if s.ends_with("' property with value:") => {
                same(&self.property(path)?, &yaml(block(text)?)?, path)
            }
            (s, [path]) if s.contains("' property containing ") => {
                let found = self.property(path)?.as_array().map(Vec::len);
                same(&json!(found), &json!(number(s)?), "the number of items")
            }
            (s, _) if s.contains(" should run ") => self.order(s).await,
            _ => self.act(sentence, text, &quoted).await,
        }
    }

    /// A body without `document` gets one.
    fn define(&mut self, text: &str) -> Outcome {
        self.definition = if text.lines().any(|line| line.starts_with("document:")) {
            text.to_owned()
        } else {
            let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            let head =
                format!("{{dsl: '1.0.3', namespace: own, name: s{hash:x}, version: '1.0.0'}}");
            format!("document: {head}\n{text}")
        };
        Ok(())
    }

    /// Registers the definition and gives its reference; none: it was refused.
    async fn register(&mut self) -> Result<Option<String>, Stop> {
        let mut status = self.send("application/yaml", self.definition.clone()).await?;
        if status == 409 {
            // Two official scenarios may share a name and a version: they get namespaces of their own.
            let mut document = yaml(&self.definition)?;
            let namespace = &mut document["document"]["namespace"];
            *namespace = format!("{}-again", namespace.as_str().unwrap_or_default()).into();
            status = self.send("application/json", document.to_string()).await?;
        }
        match status {
            200 | 201 => Ok(self.registered["definition"].as_str().map(str::to_owned)),
            422 => Ok(None),
            _ => Err(Stop::Failed(format!("{status}: {}", self.registered))),
        }
    }

    async fn send(&mut self, kind: &str, body: String) -> Result<u16, Stop> {
        let sent = self.client.try_send("/v1/definitions", kind, body).await;
        let (status, answer) = sent.ok_or_else(|| Stop::Failed("nobody answers".to_owned()))?;
        self.registered = answer;
        Ok(status.as_u16())
    }

    fn ended_as(&self, status: &str) -> Result<&Value, Stop> {
        let run = self.run.as_ref().ok_or_else(|| Stop::Failed("nothing was run".to_owned()))?;
        holds(run["status"] == status, || format!("it is {run}"))?;
        Ok(run)
    }

    /// In trouble a task may be executed more often, since it is at least once (P3); not less often.
    fn asked(&self, path: &str, wanted: u64) -> Outcome {
        let found = self.stub.asked(path) as u64;
        let fits = if self.trouble == Trouble::None { found == wanted } else { found >= wanted };
        holds(fits, || format!("the number of requests is {found}, not {wanted}"))
    }

    /// What is given must be the same; types match over the known families.
    fn error(&self, found: &Value, wanted: &Value) -> Outcome {
        let error: Error = serde_json::from_value(found.clone())
            .map_err(|error| Stop::Failed(format!("{found} is no error: {error}")))?;
        for (key, value) in wanted.as_object().into_iter().flatten() {
            let fits = match key.as_str() {
                "type" => value.as_str().is_some_and(|kind| error.is_of_type(kind)),
                key => found[key] == *value,
            };
            holds(fits, || {
                format!("`{key}` of the error is {}, not {value}: {found}", found[key])
            })?;
        }
        Ok(())
    }

    fn problem(&self, list: &str, code: &str) -> Outcome {
        let found = self.registered[list].as_array();
        let fits = found.is_some_and(|all| all.iter().any(|problem| problem["code"] == code));
        holds(fits, || format!("{}", self.registered))
    }

    /// What stands at `a.b` in the output.
    fn property(&self, path: &str) -> Result<Value, Stop> {
        let run = self.run.as_ref().ok_or_else(|| Stop::Failed("nothing was run".to_owned()))?;
        let pointer = format!("/{}", path.replace('.', "/"));
        let found = run["output"].pointer(&pointer).cloned();
        found.ok_or_else(|| Stop::Failed(format!("there is no `{path}` in {}", run["output"])))
    }

    /// `T should run first`, `last`, `after U`, `before U`.
    async fn order(&self, sentence: &str) -> Outcome {
        let run = self.ended_as("completed")?;
        let id = run["id"].as_str().unwrap_or_default();
        let order = self.tasks(id).await;
        let words: Vec<&str> = sentence.split(' ').collect();
        let at = |name: &str| order.iter().position(|task| task == name);
        let fits = match words[..] {
            [task, "should", "run", "first"] => at(task) == Some(0),
            [task, "should", "run", "last"] => at(task).is_some_and(|at| at + 1 == order.len()),
            [task, "should", "run", "after", other] => at(other).is_some() && at(task) > at(other),
            [task, "should", "run", "before", other] => at(task).is_some() && at(task) < at(other),
            _ => return Err(Stop::Failed("nobody knows this step".to_owned())),
        };
        holds(fits, || format!("the order is {order:?}"))
    }

    /// Names of tasks, in the order in which they began.
    async fn tasks(&self, run: &str) -> Vec<String> {
        let path = format!("/v1/runs/{run}/history?limit=200");
        let history = eventually("the history", SOON, || async {
            let (status, body) = self.client.try_get(&path).await?;
            (status == 200).then_some(body)
        })
        .await;
        let mut order = Vec::new();
        for entry in history["items"].as_array().into_iter().flatten() {
            pointers(entry, &mut order);
        }
        order
    }
}

/// Names of tasks in the events of an entry of the history, each when it is first named.
fn pointers(value: &Value, order: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(pointer) = map.get("pointer").and_then(Value::as_str) {
                let name = pointer.rsplit('/').next().unwrap_or_default().to_owned();
                if !order.contains(&name) {
                    order.push(name);
                }
            }
            map.values().for_each(|value| pointers(value, order));
        }
        Value::Array(items) => items.iter().for_each(|item| pointers(item, order)),
        _ => {}
    }
}

/// Whether `found` has all that `wanted` has. A text that begins or ends with `*` is the end, the beginning or a
/// part of what is wanted.
fn fits(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| fits(found.get(key).unwrap_or(&Value::Null), value))
        }
        (Value::String(found), Value::String(wanted)) => {
            match (wanted.strip_prefix('*'), wanted.strip_suffix('*')) {
                (Some(_), Some(_)) => found.contains(wanted.trim_matches('*')),
                (Some(end), None) => found.ends_with(end),
                (None, Some(beginning)) => found.starts_with(beginning),
                (None, None) => found == wanted,
            }
        }
        _ => found == wanted,
    }
}

fn block(text: Option<&str>) -> Result<&str, Stop> {
    text.ok_or_else(|| Stop::Failed("a block of text is missing".to_owned()))
}

fn yaml(text: &str) -> Result<Value, Stop> {
    read(text, &Limits::default()).map_err(|problems| Stop::Failed(problems.to_string()))
}

fn number(sentence: &str) -> Result<u64, Stop> {
    let digits = sentence.rsplit('\'').next().unwrap_or(sentence);
    let found = digits.split([' ', ':']).find_map(|word| word.parse().ok());
    found.ok_or_else(|| Stop::Failed("a number is missing".to_owned()))
}

fn holds(fits: bool, why: impl FnOnce() -> String) -> Outcome {
    if fits { Ok(()) } else { Err(Stop::Failed(why())) }
}

fn same(found: &Value, wanted: &Value, what: &str) -> Outcome {
    holds(found == wanted, || format!("{what} is {found}, not {wanted}"))
}
