//! Events that start runs, from outside and in both shapes: each starts one run whoever dies and however often
//! it comes, and sets of events are kept until they are complete.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use kintsugi_nats::{Bus, Options};
use kintsugi_tests::{Engine, Shape, check_promises, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(90);

const DEFINITIONS: [&str; 3] = [
    "document: {dsl: '1.0.3', namespace: test, name: each, version: '1.0.0'}\n\
     schedule: {on: {one: {with: {type: order, data: '${ .n >= 0 }'}}}}\n\
     do: [{work: {set: {n: '${ .[0].n }'}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: pairs, version: '1.0.0'}\n\
     schedule: {on: {all: [{with: {type: paid}, correlate: {of: {from: .data.of}}}, \
     {with: {type: packed}, correlate: {of: {from: .data.of}}}]}, read: envelope}\n\
     do: [{work: {set: {of: '${ map(.data.of) }'}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: held, version: '1.0.0', \
     metadata: {kintsugi: {schedule: {paused: true}}}}\n\
     schedule: {on: {one: {with: {type: held}}}}\ndo: [{work: {set: {x: 1}}}]",
];

struct Suite {
    engine: Engine,
    bus: Bus,
}

impl Suite {
    /// Publishes an event as anyone may, and waits for the broker's word.
    async fn publish(&self, kind: &str, id: &str, data: &Value) {
        let event =
            json!({"specversion": "1.0", "id": id, "source": "/test", "type": kind, "data": data});
        let payload = event.to_string().into_bytes();
        let subject = format!("kintsugi.cloudevents.{kind}");
        eventually("the broker has the event", SOON, || async {
            let wait = Duration::from_secs(5);
            self.bus.request(&subject, payload.clone(), wait).await.ok()
        })
        .await;
    }

    async fn schedule(&self, name: &str) -> Value {
        self.engine.client.get(&format!("/v1/schedules/test/{name}")).await.1
    }

    async fn started(&self, name: &str, count: usize) -> Value {
        eventually(&format!("{count} runs of {name}"), SOON, || async {
            let path = format!("/v1/schedules/test/{name}");
            let (_, found) = self.engine.client.try_get(&path).await?;
            (found["started"].as_u64() >= Some(count as u64)).then_some(found)
        })
        .await
    }

    /// Every run of a definition, once all have ended: id and output.
    async fn runs(&self, name: &str) -> Vec<(String, Value)> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/runs?definition=test/{name}&limit=200{cursor}");
            let page = eventually("all runs have ended", SOON, || async {
                let (_, page) = self.engine.client.try_get(&path).await?;
                let ended = |run: &Value| run["status"] == "completed";
                page["items"].as_array()?.iter().all(ended).then_some(page)
            })
            .await;
            for run in page["items"].as_array().unwrap() {
                all.push((run["id"].as_str().unwrap().to_owned(), run.clone()));
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// How long many events take.
    async fn measured(&self) {
        let many = |kind: &'static str, count: usize| {
            let one = move |n: usize| async move {
                let data = json!({ "n": n, "of": n });
                self.publish(kind, &format!("many-{kind}-{n}"), &data).await;
            };
            stream::iter(0..count).map(one).buffer_unordered(64).collect::<Vec<_>>()
        };
        for (name, kinds, count) in
            [("each", &["order"][..], 5_000), ("pairs", &["paid", "packed"][..], 900)]
        {
            let before = self.schedule(name).await["started"].as_u64().unwrap();
            let begun = Instant::now();
            for kind in kinds {
                many(kind, count).await;
            }
            let published = begun.elapsed();
            self.started(name, usize::try_from(before).unwrap() + count).await;
            let (shape, started) = (self.engine.shape, begun.elapsed());
            println!(
                "{shape:?}: {count} of {name}: published in {published:?}, started after {started:?}"
            );
        }
    }

    async fn output(&self, run: &str) -> Value {
        self.engine.client.get(&format!("/v1/runs/{run}")).await.1["output"].clone()
    }

    fn kill(&mut self) {
        for name in self.names() {
            self.engine.kill_and_restart(name);
        }
    }

    fn names(&self) -> &'static [&'static str] {
        match self.engine.shape {
            Shape::Dev => &["dev"],
            Shape::Services => &["orchestrator", "orchestrator-2"],
        }
    }
}

async fn suite(shape: Shape) {
    let Some(engine) = Engine::start(shape, &[]).await else { return };
    for definition in DEFINITIONS {
        engine.client.define(definition).await;
    }
    let options = Options { url: engine.nats_url(), ..Options::default() };
    let mut suite = Suite { bus: Bus::connect(&options).await.unwrap(), engine };

    // Each event is one run, also one that comes twice.
    for round in 0..2 {
        for n in 0..20 {
            suite.publish("order", &format!("o{n}"), &json!({ "n": n, "round": round })).await;
        }
    }
    suite.publish("order", "unfit", &json!({"n": -1})).await;
    // Killed in a burst, and between two.
    let begun = Instant::now();
    for n in 20..300 {
        suite.publish("order", &format!("o{n}"), &json!({ "n": n })).await;
        if n % 100 == 50 {
            suite.kill();
        }
    }
    let shown = suite.started("each", 300).await;
    println!("{shape:?}: 280 events, killed three times: {:?}", begun.elapsed());
    assert_eq!((&shown["trigger"], &shown["open_sets"]), (&json!("on"), &json!(0)), "{shown}");
    let runs = suite.runs("each").await;
    assert_eq!(runs.len(), 300, "one for each event");
    assert!(runs.iter().all(|(run, _)| run.starts_with("e-")));
    assert!(suite.output(&runs[0].0).await["n"].is_u64());

    // Sets are kept while everyone is dead.
    for of in 0..40 {
        suite.publish("paid", &format!("p{of}"), &json!({ "of": of })).await;
    }
    eventually("forty are open", SOON, || async {
        (suite.schedule("pairs").await["open_sets"] == 40).then_some(())
    })
    .await;
    suite.kill();
    for of in (0..40).rev() {
        suite.publish("packed", &format!("k{of}"), &json!({ "of": of })).await;
        suite.publish("packed", &format!("k{of}"), &json!({ "of": of })).await;
        if of == 20 {
            suite.kill();
        }
    }
    let shown = suite.started("pairs", 40).await;
    assert_eq!((&shown["started"], &shown["open_sets"]), (&json!(40), &json!(0)), "{shown}");
    let pairs = suite.runs("pairs").await;
    assert_eq!(pairs.len(), 40);
    for (run, _) in &pairs {
        let output = suite.output(run).await;
        assert_eq!(output["of"][0], output["of"][1], "{output}");
    }

    // Events of a pause start nothing.
    suite.engine.ready().await;
    suite.publish("held", "h1", &json!(1)).await;
    suite.publish("order", "o300", &json!({"n": 300})).await;
    suite.started("each", 301).await;
    let resume = "/v1/schedules/test/held/resume";
    assert_eq!(suite.engine.client.post(resume, &json!({})).await.0, 200);
    suite.publish("held", "h2", &json!(2)).await;
    assert_eq!(suite.started("held", 1).await["started"], 1);
    let mut accepted: Vec<String> = Vec::new();
    for name in ["each", "pairs", "held"] {
        accepted.extend(suite.runs(name).await.into_iter().map(|(run, _)| run));
    }
    assert_eq!(accepted.len(), 301 + 40 + 1);
    check_promises(&suite.engine, &accepted).await;
    suite.measured().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_on_sqlite() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_processes_on_postgres() {
    suite(Shape::Services).await;
}
