use kintsugi_core::{RunId, Status};
use kintsugi_entities::{NewRun, Options};

use super::*;

fn run(id: &str) -> NewRun {
    NewRun {
        id: RunId::parse(id).unwrap(),
        definition: "shop/order:1.0.0".to_owned(),
        partition: 0,
        state: b"{}".to_vec(),
        created_at: 1,
        parent: None,
        start_key: None,
        request_digest: "d".to_owned(),
        trace_parent: None,
    }
}

#[tokio::test]
async fn a_dear_count_is_kept_and_a_cheap_or_old_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("store.db").display());
    let store = Box::pin(Store::connect(&url, &Options::default())).await.unwrap();
    let counting = Counting::new(store.clone(), Duration::from_secs(10));
    let pending = async || {
        let counts = counting.counted().await.unwrap().counts;
        counts.runs.get(&Status::Pending).copied().unwrap_or(0)
    };
    assert_eq!(pending().await, 0);
    store.runs_create(&[run("a")]).await.unwrap();
    let alter = async |took: Duration, age: Duration| {
        let mut state = counting.state.lock().await;
        let counted = state.newest.as_mut().unwrap();
        (counted.took, counted.since) = (took, Instant::now().checked_sub(age).unwrap());
    };
    alter(Duration::from_secs(1), Duration::from_secs(2)).await;
    assert_eq!(pending().await, 0, "as it was counted before");
    alter(Duration::from_secs(1), AGE_MAX).await;
    assert_eq!(pending().await, 1, "too old to be given out");
    store.runs_create(&[run("b")]).await.unwrap();
    // While the next count is under way the last is given out; it ends though nobody waits for it.
    alter(Duration::from_millis(1), Duration::from_millis(500)).await;
    let counted = tokio::time::timeout(Duration::from_secs(10), async {
        while pending().await != 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    counted.await.expect("it is counted again");
}
