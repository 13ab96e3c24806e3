//! Rows to test with.

use kintsugi_core::{DefinitionRef, RunId, Status};
use kintsugi_entities::{
    Batch, DeadLetterRow, DeadLetterStatus, HistoryRow, NewDefinition, NewRun, RunWrite,
};

pub(crate) fn id(text: &str) -> RunId {
    RunId::parse(text).unwrap()
}

pub(crate) fn definition(reference: &str, digest: &str) -> NewDefinition {
    NewDefinition {
        reference: DefinitionRef::parse(reference).unwrap(),
        digest: digest.to_owned(),
        format: "yaml".to_owned(),
        source: b"document: {}".to_vec(),
        document: b"{}".to_vec(),
        resources: Some(b"[]".to_vec()),
        schedule: None,
        created_at: 1000,
    }
}

pub(crate) fn run(name: &str) -> NewRun {
    NewRun {
        id: id(name),
        definition: "shop/order:1.0.0".to_owned(),
        partition: 3,
        state: format!("{{\"of\":\"{name}\"}}").into_bytes(),
        created_at: 1000,
        parent: None,
        start_key: None,
        request_digest: "digest".to_owned(),
        trace_parent: None,
    }
}

/// The change of a run from `before` to the next version.
pub(crate) fn write(name: &str, before: i64) -> RunWrite {
    let at = 2000 + before;
    RunWrite {
        id: id(name),
        version_before: before,
        version: before + 1,
        status: Status::Running,
        wake_at: Some(9000),
        state: format!("{{\"of\":\"{name}\",\"version\":{}}}", before + 1).into_bytes(),
        ended_at: None,
        updated_at: at,
        history: HistoryRow { seq: before + 1, at, steps: format!("[{before}]").into_bytes() },
    }
}

/// The change that ends a run.
pub(crate) fn end(name: &str, before: i64, status: Status, at: i64) -> RunWrite {
    RunWrite { status, wake_at: None, ended_at: Some(at), ..write(name, before) }
}

pub(crate) fn batch(runs: Vec<RunWrite>) -> Batch {
    Batch { runs, ..Batch::default() }
}

pub(crate) fn dead_letter(name: &str, task: u64, epoch: u64) -> DeadLetterRow {
    DeadLetterRow {
        id: format!("{name}:{task}:{epoch}"),
        run: id(name),
        task,
        epoch,
        definition: "shop/order:1.0.0".to_owned(),
        pointer: "/do/0/pay".to_owned(),
        task_type: "charge-card".to_owned(),
        queue: "default".to_owned(),
        input: br#"{"a":"\u0000"}"#.to_vec(),
        error: b"{}".to_vec(),
        failures: 3,
        crashes: 1,
        outcome: "park".to_owned(),
        attempts: b"[]".to_vec(),
        trace_parent: None,
        status: DeadLetterStatus::Open,
        created_at: 3000 + i64::try_from(task).unwrap(),
        redriven_at: None,
        published_at: None,
        fingerprint: String::new(),
        error_type: String::new(),
        discard: None,
    }
}
