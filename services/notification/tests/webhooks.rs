//! Webhooks on a real broker and database, with a receiver that fails at first.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod support;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use kintsugi_core::{
    DefinitionRef, Error, ErrorKind, Event, Input, RunId, RunState, Status, Step, Timestamp,
};
use kintsugi_entities::{
    Batch, Committed, HistoryRow, HumanTaskRow, HumanTaskStatus, NewRun, RunWrite,
};
use kintsugi_nats::LifeEvent;
use kintsugi_notification::{Config, EventKind, Notification, Retry, Webhook};
use kintsugi_runtime::{Deps, Secret, Service, Shutdown, now};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{eventually, ground};

const SECRET: &str = "a secret of enough bytes";

/// What the receiver got, in order, and how it answered.
#[derive(Clone, Debug)]
struct Got {
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
    taken: bool,
}

impl Got {
    fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    fn assert_signed(&self) {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{}.{}.", self.id(), self.headers["webhook-timestamp"]).as_bytes());
        mac.update(&self.body);
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(self.headers["webhook-signature"], expected);
    }
}

type Log = Arc<Mutex<Vec<Got>>>;

/// Answers 500 to the first try of each notification, and 204 from then on.
async fn receive(listener: TcpListener, log: Log) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, log.clone()));
    }
}

async fn answer(mut stream: TcpStream, log: Log) {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap();
        bytes.extend_from_slice(&part[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            assert!(read > 0, "half a request");
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let headers = headers.collect::<BTreeMap<_, _>>();
        let length: usize = headers["content-length"].parse().unwrap();
        if bytes.len() >= end + 4 + length {
            break (headers, bytes.split_off(end + 4));
        }
    };
    let taken = {
        let mut log = log.lock().unwrap();
        let taken = log.iter().any(|got| got.id() == head["webhook-id"]);
        log.push(Got { headers: head, body: length, taken });
        taken
    };
    let status = if taken { "204 No Content" } else { "500 Internal Server Error" };
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// A run that faulted with a dead letter, as an orchestrator writes it.
async fn fault(deps: &Deps, run: &RunId) {
    let error = Error::new(ErrorKind::Communication, "/do/0/charge", "no answer");
    let events = vec![
        Event::TaskDeadLettered { task: 2, epoch: 5, error: error.clone(), quarantined: false },
        Event::RunFaulted { error },
    ];
    write(deps, run, Status::Faulted, events, Batch::default()).await;
}

/// A run that asks a person.
async fn ask(deps: &Deps, run: &RunId) {
    let (pointer, title) = ("/do/0/approve".to_owned(), "Approve?".to_owned());
    let assignees = vec!["ada".to_owned()];
    let task = HumanTaskRow {
        id: format!("{run}:2"),
        run: run.clone(),
        task: 2,
        definition: "shop/order:1.0.0".to_owned(),
        pointer: pointer.clone(),
        title: title.clone(),
        question: b"{}".to_vec(),
        assignees: assignees.clone(),
        status: HumanTaskStatus::Open,
        created_at: now().0,
        due_at: None,
        escalated_at: None,
        ended_at: None,
        answered_by: None,
    };
    let events = vec![Event::HumanTaskAsked { task: 2, pointer, title, assignees }];
    let batch = Batch { human_tasks: vec![task], ..Batch::default() };
    write(deps, run, Status::Waiting, events, batch).await;
}

/// What an orchestrator writes of a run's first step.
async fn write(deps: &Deps, run: &RunId, status: Status, events: Vec<Event>, batch: Batch) {
    let at = now();
    let mut state = RunState::new(Value::Null, at);
    let new = NewRun {
        id: run.clone(),
        definition: "shop/order:1.0.0".to_owned(),
        partition: 0,
        state: serde_json::to_vec(&state).unwrap(),
        created_at: at.0,
        parent: None,
        start_key: None,
        request_digest: "d".to_owned(),
        trace_parent: None,
    };
    deps.store.runs_create(&[new]).await.unwrap();
    state.status = status;
    let steps = [Step { at, input: Input::Tick, events }];
    let write = RunWrite {
        id: run.clone(),
        version_before: 0,
        version: 1,
        status,
        wake_at: None,
        state: serde_json::to_vec(&state).unwrap(),
        ended_at: status.is_terminal().then_some(at.0),
        updated_at: at.0,
        history: HistoryRow { seq: 1, at: at.0, steps: serde_json::to_vec(&steps).unwrap() },
    };
    let epoch = deps.store.partitions_claim(&[0], "test").await.unwrap()[0].owner_epoch;
    let batch = Batch { positions: vec![(0, epoch, 0)], runs: vec![write], ..batch };
    assert_eq!(deps.store.commit_batch(&batch).await.unwrap(), Committed::Done);
}

fn taken(log: &Log) -> Vec<String> {
    let log = log.lock().unwrap();
    let mut ids =
        log.iter().filter(|got| got.taken).map(|got| got.id().to_owned()).collect::<Vec<_>>();
    ids.sort();
    ids
}

#[tokio::test]
async fn each_event_is_told_until_it_is_taken_and_then_no_more() {
    let Some(ground) = ground().await else { return };
    let deps = ground.deps.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let log = Log::default();
    tokio::spawn(receive(listener, log.clone()));

    // Nobody tells of this one: its lifecycle events are lost (promise P8).
    let run = RunId::parse("quiet").unwrap();
    fault(&deps, &run).await;
    ask(&deps, &RunId::parse("asking").unwrap()).await;
    let secret = Secret::new(SECRET.to_owned());
    let initial_interval = Duration::from_millis(30);
    let config = Config {
        webhooks: vec![Webhook { url, secret, events: EventKind::all() }],
        sweep_interval: Duration::from_secs(1),
        retry: Retry { initial_interval, ..Retry::default() },
        ..Config::default()
    };
    let service = Notification::start(config, deps.clone()).await.unwrap();
    let shutdown = Shutdown::new();
    let work = tokio::spawn(service.run(shutdown.clone()));
    let swept = ["asking:1:0:0", "quiet:1:0:0", "quiet:1:0:1"].map(str::to_owned);
    eventually("what the sweep found", async || (taken(&log) == swept).then_some(())).await;

    // The lifecycle events come after all, and those of another run with them.
    let definition = DefinitionRef::parse("shop/order:1.0.0").unwrap();
    let loud = RunId::parse("loud").unwrap();
    let event = |run: &RunId, kind: &str, id: &str, at: Timestamp| {
        LifeEvent::new(&definition, run, kind, id.to_owned(), at, json!({}))
    };
    let events = [
        event(&run, "task.dead-lettered", &swept[1], now()),
        event(&run, "workflow.faulted", &swept[2], now()),
        event(&loud, "workflow.completed", "loud:1:0:0", now()),
        event(&loud, "workflow.faulted", "loud:2:0:0", now()),
        event(&loud, "workflow.faulted", "ancient", Timestamp(0)),
    ];
    deps.bus.publish_life(&events).await.unwrap();
    let mut all = [vec!["loud:2:0:0".to_owned()], swept.to_vec()].concat();
    all.sort();
    eventually("what the event told", async || (taken(&log) == all).then_some(())).await;
    eventually("nothing is left to do", async || {
        (deps.store.counts().await.unwrap().notifications_pending == 0).then_some(())
    })
    .await;
    assert_eq!(taken(&log), all, "each once");

    shutdown.cancel();
    work.await.unwrap().unwrap();
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 8, "each is tried again after its 500");
    for got in log.iter() {
        got.assert_signed();
        let event: Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(
            (&event["specversion"], event["id"].as_str().unwrap()),
            (&json!("1.0"), got.id())
        );
    }
}

#[tokio::test]
async fn what_nobody_takes_is_given_up_and_counted() {
    let Some(ground) = ground().await else { return };
    let deps = ground.deps.clone();
    fault(&deps, &RunId::parse("r").unwrap()).await;
    // Bound and dropped: nobody listens there.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let secret = Secret::new(SECRET.to_owned());
    let events = vec![EventKind::RunFaulted];
    let initial_interval = Duration::from_millis(10);
    let config = Config {
        webhooks: vec![Webhook { url: format!("http://{gone}/"), secret, events }],
        retry: Retry { initial_interval, maximum_attempts: 3, ..Retry::default() },
        ..Config::default()
    };
    let service = Notification::start(config, deps.clone()).await.unwrap();
    let shutdown = Shutdown::new();
    let work = tokio::spawn(service.run(shutdown.clone()));
    eventually("the notification is given up", async || {
        let counts = deps.store.counts().await.unwrap();
        ((counts.notifications_pending, counts.notifications_dead) == (0, 1)).then_some(())
    })
    .await;
    shutdown.cancel();
    work.await.unwrap().unwrap();
}
