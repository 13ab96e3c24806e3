//! Starts that the owners of partitions accept, or do not.

use std::time::{Duration, Instant};

use futures::StreamExt;
use kintsugi_core::RunId;
use serde_json::json;

use crate::rig::{PARTITIONS, Rig};

/// What an owner does that stores nothing: so it can be seen who accepted a run.
#[derive(Clone, Copy, PartialEq)]
enum Owner {
    Accepts,
    Refuses,
    IsSilent,
}

async fn owner(rig: &Rig, does: Owner) -> tokio::task::JoinHandle<()> {
    let partitions: Vec<u16> = (0..PARTITIONS).collect();
    let mut starts = rig.bus.handed_over(&partitions).await.unwrap();
    // What the broker answers now, it knows behind the subscriptions.
    rig.bus.ping().await.unwrap();
    tokio::spawn(async move {
        while let Some(delivery) = starts.next().await {
            assert!(delivery.starts.iter().all(|start| start.definition == "test/order:1.0.0"));
            match does {
                Owner::Accepts => delivery.answer(true).await,
                Owner::Refuses => delivery.answer(false).await,
                Owner::IsSilent => {}
            }
        }
    })
}

async fn is_stored(rig: &Rig, id: &serde_json::Value) -> bool {
    let id = RunId::parse(id.as_str().unwrap()).unwrap();
    rig.store.run_get(&id).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_accepts_is_not_brought_in_again() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("order", &["echo"]).await;
    let body = json!({ "definition": "test/order:1.0.0" });
    for (does, stored) in [(Owner::Accepts, false), (Owner::Refuses, true)] {
        let owner = owner(&rig, does).await;
        let started = rig.post("/v1/runs", &body).await;
        assert_eq!(started.status, 201, "{}", started.text);
        assert_eq!(is_stored(&rig, &started.json["id"]).await, stored);
        // An id that the caller gives may be another request's: that is for the database to say.
        let named = format!("r-{stored}");
        let named = json!({ "definition": "test/order:1.0.0", "id": named });
        assert_eq!(rig.post("/v1/runs", &named).await.status, 201);
        assert!(is_stored(&rig, &named["id"]).await);
        owner.abort();
        let _aborted = owner.await;
        rig.bus.ping().await.unwrap();
    }
    let started = rig.post("/v1/runs", &body).await;
    assert_eq!(started.status, 201, "{}", started.text);
    assert!(is_stored(&rig, &started.json["id"]).await, "nobody is there to accept it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_is_silent_is_waited_for_once() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("order", &["echo"]).await;
    let owner = owner(&rig, Owner::IsSilent).await;
    let body = json!({ "definition": "test/order:1.0.0" });
    let began = Instant::now();
    for _ in 0..40 {
        let started = rig.post("/v1/runs", &body).await;
        assert_eq!(started.status, 201, "{}", started.text);
        assert!(is_stored(&rig, &started.json["id"]).await);
    }
    let most = kintsugi_nats::START_PATIENCE * u32::from(PARTITIONS) + Duration::from_secs(15);
    assert!(began.elapsed() < most, "40 starts took {:?}", began.elapsed());
    owner.abort();
}
