//! Garbage at every door and on every subject of the running engine: each gets its error by code
//! (and line and column where it is a document), what comes by a stream and cannot be handled is put
//! aside once, no service stops, and a run goes through right after.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

mod bus;
mod http;
mod results;

use std::time::Duration;

use kintsugi_nats::{Bus, stream};
use kintsugi_tests::{Answer, Engine, Peer, Raw, Shape, check_promises, eventually, streams};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

const PLAIN: &str = "document: {dsl: '1.0.3', namespace: test, name: plain, version: '1.0.0'}\n\
    do: [{work: {call: simulate, with: {mode: succeed, output: '${ . }'}}}]";

const HANGS: &str = "document: {dsl: '1.0.3', namespace: test, name: hangs, version: '1.0.0'}\n\
    do: [{work: {call: simulate, with: {mode: hang}}}, {next: {call: simulate, with: {output: '${ . }'}}}]";

/// The engine, and how to throw something at it.
pub(crate) struct Field {
    engine: Engine,
    bus: Bus,
    raw: Raw,
    accepted: Vec<String>,
    rejected: usize,
}

impl Field {
    /// A run that has nothing to do with the garbage completes; no process has ended.
    async fn goes_on(&mut self, after: &str) {
        // Of every partition one, so that none is blocked.
        let ids: Vec<String> =
            (0..16).map(|number| format!("{}-{number}", self.accepted.len())).collect();
        for id in &ids {
            let request = json!({ "definition": "test/plain:1.0.0", "id": id, "input": {"n": id} });
            let (status, body) = self.engine.client.post("/v1/runs", &request).await;
            assert_eq!(status, 201, "after {after}: {body}");
        }
        for id in &ids {
            let ended = self.engine.client.ended(id, SOON).await;
            assert_eq!(ended["output"], json!({ "n": id }), "after {after}: {ended}");
        }
        self.accepted.extend(ids);
        let ended = self.engine.ended();
        assert!(ended.is_empty(), "after {after}: {ended:?} ended");
    }

    /// `count` more messages were put aside, which `fits` says of each; and no further ones came.
    async fn put_aside(
        &mut self,
        what: &str,
        count: usize,
        fits: impl Fn(&streams::Message) -> bool,
    ) {
        let (bus, before) = (self.bus.clone(), self.rejected);
        let all = eventually(&format!("{what}: put aside"), SOON, || async {
            let all = streams::try_messages(&bus, stream::REJECTED).await?;
            (all.len() >= before + count).then_some(all)
        })
        .await;
        self.goes_on(what).await;
        let all_later = streams::messages(&self.bus, stream::REJECTED).await.len();
        assert_eq!(
            all_later,
            before + count,
            "{what}: put aside once, and it does not loop: {:?}",
            all[before..].iter().map(|m| (&m.subject, &m.headers)).collect::<Vec<_>>()
        );
        for message in &all[before..] {
            assert!(message.headers.contains("Kintsugi-Reason: "), "{what}: {}", message.headers);
            assert!(fits(message), "{what}: {} {}", message.subject, message.headers);
        }
        self.rejected = all_later;
    }

    async fn starts(&mut self, definition: &str, input: Value) -> String {
        let id = self.engine.client.start(definition, input).await;
        self.accepted.push(id.clone());
        id
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused_and_stops_nothing() {
    let hooks = Peer::start(|_| Answer::status(204)).await;
    // With a receiver, lifecycle events have a reader that must deal with garbage among them.
    let config = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    let text = format!(
        "[[notification.webhooks]]\nurl = \"{}\"\nsecret = \"a secret of enough bytes\"\n",
        hooks.url("/hook")
    );
    std::fs::write(config.path(), text).unwrap();
    let path = config.path().display().to_string();
    let Some(engine) = Engine::start(Shape::Services, &["--config", &path]).await else { return };
    let bus = streams::bus(&engine.nats_url()).await;
    let raw = Raw::connect(&engine.nats_url()).await;
    let mut field = Field { engine, bus, raw, accepted: Vec::new(), rejected: 0 };
    for definition in [PLAIN, HANGS] {
        field.engine.client.define(definition).await;
    }
    field.goes_on("nothing").await;
    http::documents(&mut field).await;
    http::requests(&mut field).await;
    http::lies(&mut field).await;
    bus::documents_and_starts(&mut field).await;
    bus::intake(&mut field).await;
    let mut chance = kintsugi_tests::chance("garbage_is_refused_and_stops_nothing");
    bus::subjects(&mut field, &mut chance).await;
    results::strays(&mut field).await;
    results::giants(&mut field).await;

    // The alarm: a counter that only grows, and the summary that people see.
    let (_, metrics) = field.engine.client.get("/metrics").await;
    let line = format!("kintsugi_stream_published_total{{stream=\"{}\"}} ", stream::REJECTED);
    let text = metrics.as_str().unwrap();
    let counted = text.lines().find_map(|found| found.strip_prefix(&line)).unwrap();
    assert!(counted.parse::<usize>().unwrap() >= field.rejected, "{counted} of {}", field.rejected);
    println!("{} messages put aside", field.rejected);
    check_promises(&field.engine, &field.accepted).await;
}
