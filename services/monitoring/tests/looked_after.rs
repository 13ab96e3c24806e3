//! What the monitoring service looks after: promises, whatever is wrong with one run, and failure detectors.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod support;

use std::time::{Duration, Instant};

use kintsugi_core::{DefinitionRef, RunId};
use kintsugi_entities::NewDefinition;
use kintsugi_monitoring::{Config, Monitoring, Promises};
use kintsugi_nats::{LifeEvent, Liveness};
use kintsugi_runtime::{Deps, Service, Shutdown, asked_as, now};
use serde_json::{Value, json};

use crate::support::{eventually, ground, pending};

/// How many failure detectors are there and do not answer.
const SILENT: usize = 8;

fn document(name: &str, expression: &str) -> Value {
    json!({
        "document": {"dsl": "1.0.3", "namespace": "test", "name": name, "version": "1.0.0"},
        "do": [{"one": {"set": {"n": expression}}}],
    })
}

/// A run, and the definition that the store has for it.
async fn put(deps: &Deps, name: &str, document: Vec<u8>) {
    let reference = DefinitionRef::parse(&format!("test/{name}:1.0.0")).unwrap();
    let (at, run) = (now(), RunId::parse(&format!("run-{name}")).unwrap());
    let definition = NewDefinition {
        reference: reference.clone(),
        digest: name.to_owned(),
        format: "json".to_owned(),
        source: document.clone(),
        document,
        resources: None,
        schedule: None,
        created_at: at.0,
    };
    deps.store.definition_put(definition).await.unwrap();
    pending(deps, &run, &reference.to_string(), at).await;
    let life = LifeEvent::new(&reference, &run, "workflow.started", name.into(), at, json!({}));
    deps.bus.publish_life(&[life]).await.unwrap();
}

#[tokio::test]
async fn a_definition_that_does_not_compile_is_told_and_stops_nothing() {
    let Some(ground) = ground().await else { return };
    let deps = ground.deps.clone();
    let text = |name, expression| serde_json::to_vec(&document(name, expression)).unwrap();
    put(&deps, "broken", text("broken", "${ .n + }")).await;
    put(&deps, "torn", b"{\"document\": ".to_vec()).await;
    put(&deps, "sound", text("sound", "${ .n }")).await;
    let config = Config { ledger_interval: Duration::from_millis(500), ..Config::default() };
    let service = Monitoring::start(config, deps.clone()).await.unwrap();
    let shutdown = Shutdown::new();
    let work = tokio::spawn(service.run(shutdown.clone()));
    let found = eventually("both are breaches of P9", async || {
        let asked = deps.bus.request("kintsugi.api.promises", Vec::new(), Duration::from_secs(5));
        let found: Promises = serde_json::from_slice(&asked.await.ok()?).unwrap();
        (found.items.get(8)?.standing == 2).then_some(found)
    })
    .await;
    assert_eq!(found.problem, None);
    let told = &found.items[8].what;
    assert!(
        told[0].starts_with("run-broken: its definition test/broken:1.0.0 does not"),
        "{told:?}"
    );
    assert!(told[1].starts_with("run-torn: its definition test/torn:1.0.0 does not"), "{told:?}");
    assert!(told[0].contains("/do/0/one"), "it says where: {told:?}");
    // Of the one that is sound everything was compared, and of the others nothing that cannot be.
    let (looks, histories) = (found.items[8].checked, found.items[6].checked);
    assert!(histories >= 1 && looks >= 3 * histories, "{found:?}");
    assert_eq!(found.items[6].breaches, 0);
    shutdown.cancel();
    work.await.unwrap().unwrap();
}

/// One after the other, a second each, whoever has several to ask would be as late with the last as they
/// are many.
#[tokio::test]
async fn silent_ones_are_asked_together() {
    let Some(ground) = ground().await else { return };
    let bus = &ground.deps.bus;
    let name = |n: usize| ("failure-detector".to_owned(), format!("d{n}"));
    let mut held = Vec::new();
    for n in 0..SILENT {
        let (service, instance) = name(n);
        held.push(bus.pings(&asked_as(&service, &instance)).await.unwrap());
    }
    bus.ping().await.unwrap();
    let began = Instant::now();
    let answers = kintsugi_lookout::ask(bus, (0..=SILENT).map(name).collect()).await;
    let took = began.elapsed();
    let wanted = |n| if n < SILENT { Liveness::Silent } else { Liveness::NoResponders };
    let wanted: Vec<_> = (0..=SILENT).map(|n| (name(n), wanted(n))).collect();
    assert_eq!(answers, wanted);
    assert!(took < Duration::from_secs(6), "{SILENT} that are asked took {took:?}");
}
