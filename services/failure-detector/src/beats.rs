//! Heartbeats for tests.

use kintsugi_core::Timestamp;
use kintsugi_nats::{Heartbeat, Served};

/// One of a worker that holds nothing.
pub(crate) fn beat(worker: &str) -> Heartbeat {
    Heartbeat {
        worker: worker.to_owned(),
        incarnation: "i".to_owned(),
        pid: 1,
        host: "here".to_owned(),
        version: "0".to_owned(),
        types: vec![Served::new("default", "t")],
        concurrency: 1,
        started_at: Timestamp(0),
        at: Timestamp(0),
        targets: Vec::new(),
        leases: Vec::new(),
        stopping: false,
    }
}
