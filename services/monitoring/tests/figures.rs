//! Figures of a real broker and database, asked for on the bus.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod support;

use std::time::Duration;

use kintsugi_core::RunId;
use kintsugi_entities::RecoveryRow;
use kintsugi_monitoring::{Config, Monitoring, Summary};
use kintsugi_nats::{Bus, Heartbeat, Served, ServiceBeat};
use kintsugi_runtime::{Service, Shutdown, now};

use crate::support::{eventually, ground, pending};

async fn ask(bus: &Bus, subject: &str) -> Vec<u8> {
    bus.request(subject, Vec::new(), Duration::from_secs(5)).await.unwrap()
}

async fn summary(bus: &Bus) -> Summary {
    serde_json::from_slice(&ask(bus, "kintsugi.api.system").await).unwrap()
}

fn heartbeat() -> Heartbeat {
    Heartbeat {
        worker: "w1".to_owned(),
        incarnation: "1".to_owned(),
        pid: 1,
        host: "here".to_owned(),
        version: "1".to_owned(),
        types: vec![Served::new("default", "charge")],
        concurrency: 8,
        started_at: now(),
        at: now(),
        targets: Vec::new(),
        leases: Vec::new(),
        stopping: false,
    }
}

#[tokio::test]
async fn the_figures_are_those_of_the_system() {
    let Some(ground) = ground().await else { return };
    let deps = ground.deps.clone();
    let run = RunId::parse("r").unwrap();
    let at = now();
    pending(&deps, &run, "shop/order:1.0.0", at).await;
    let recovery = RecoveryRow {
        id: "one".to_owned(),
        at: at.0,
        kind: "worker_dead".to_owned(),
        run: Some(run),
        task: Some(1),
        epoch: Some(1),
        worker: None,
        seen_at: at.0,
        decided: "take over".to_owned(),
        outcome: "dispatched".to_owned(),
        duration_ms: 420,
        by: "test".to_owned(),
    };
    deps.store.recovery_note(&[recovery]).await.unwrap();

    let service = Monitoring::start(Config::default(), deps.clone()).await.unwrap();
    let shutdown = Shutdown::new();
    let work = tokio::spawn(service.run(shutdown.clone()));
    let (service, instance) = ("orchestrator".to_owned(), "a".to_owned());
    let beat = ServiceBeat { service, instance, pid: 7, ready: true, ..ServiceBeat::default() };
    let found = eventually("both signs of life", async || {
        deps.bus.service_beat(&beat).await.unwrap();
        deps.bus.heartbeat(&heartbeat()).await.unwrap();
        let found = summary(&deps.bus).await;
        (found.services.len() == 1 && found.workers.len() == 1).then_some(found)
    })
    .await;
    assert_eq!(found.problems, Vec::<String>::new());
    assert_eq!(found.runs["pending"], 1);
    assert_eq!((found.runs["faulted"], found.database.as_str()), (0, "sqlite"));
    assert_eq!((found.streams.len(), found.partitions.len()), (8, 1));
    assert!(found.streams.iter().all(|stream| stream.exists));
    assert!(found.workers[0].alive && found.services[0].ready);
    assert_eq!(found.workers[0].types, ["default/charge"]);

    let text = String::from_utf8(ask(&deps.bus, "kintsugi.api.metrics").await).unwrap();
    for line in [
        "kintsugi_runs{status=\"pending\"} 1",
        "kintsugi_workers{state=\"alive\"} 1",
        "kintsugi_services{service=\"orchestrator\"} 1",
        "kintsugi_recoveries_total{kind=\"worker_dead\"} 1",
        "kintsugi_recovery_seconds_bucket{kind=\"worker_dead\",le=\"0.5\"} 1",
        "kintsugi_stream_messages{stream=\"KINTSUGI_TASKS\"} 0",
        "kintsugi_events_lag{partition=\"0\"} 0",
        "kintsugi_human_tasks{state=\"open\"} 0",
        "kintsugi_dead_letters{state=\"open\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
    }
    shutdown.cancel();
    work.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_asks_often_costs_nothing_and_a_lost_store_is_said() {
    let Some(ground) = ground().await else { return };
    let deps = ground.deps.clone();
    let config = Config { cache: Duration::from_secs(3600), ..Config::default() };
    let first = Monitoring::start(config, deps.clone()).await.unwrap();
    let (one, two) = (summary(&deps.bus).await, summary(&deps.bus).await);
    assert_eq!(one, two, "the same answer, with its time");
    drop(first);

    deps.store.close().await.unwrap();
    let config = Config { cache: Duration::ZERO, ..Config::default() };
    let _second = Monitoring::start(config, deps.clone()).await.unwrap();
    let found = eventually("the second service answers", async || {
        let answer = deps.bus.request("kintsugi.api.system", Vec::new(), Duration::from_secs(5));
        let found: Summary = serde_json::from_slice(&answer.await.ok()?).unwrap();
        (found.at != one.at).then_some(found)
    })
    .await;
    assert_eq!(found.problems.len(), 3, "{:?}", found.problems);
    assert_eq!(found.streams.len(), 8, "what can be seen is told all the same");
}
