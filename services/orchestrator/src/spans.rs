//! Spans of what was decided, made beside the hot path.
//!
//! A run's open spans are kept in memory; for a run that this process has not seen from its start
//! they are made from its history. When more comes in than can be made, spans are dropped: traces
//! help people, and no promise rests on them.

use std::collections::HashMap;

use kintsugi_core::{RunId, Step, Timestamp};
use kintsugi_entities::Store;
use kintsugi_observability::{RunSubject, SpanIndex, Tracer, run_spans};
use tokio::sync::mpsc;
use tracing::{debug, warn};

/// How many changes of runs may wait to be made spans of.
const QUEUE_MAX: usize = 20_000;

/// How many runs' open spans are kept.
const INDEXES_MAX: usize = 20_000;

/// How many rows of history one statement reads.
const PAGE: u32 = 1_000;

/// What one batch did to a run.
pub(crate) struct Change {
    pub(crate) run: RunId,
    pub(crate) definition: String,
    pub(crate) trace_parent: Option<String>,
    pub(crate) created_at: Timestamp,
    /// Version of the run with these steps.
    pub(crate) version: i64,
    pub(crate) steps: Vec<Step>,
}

/// Where changes go.
#[derive(Clone)]
pub(crate) struct Spans(Option<mpsc::Sender<Change>>);

impl Spans {
    /// Starts making spans; without a tracer it costs nothing.
    pub(crate) fn start(store: Store, tracer: Tracer) -> Self {
        if !tracer.is_on() {
            return Self(None);
        }
        let (sender, changes) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(make(store, tracer, changes));
        Self(Some(sender))
    }

    /// Whether it is worth giving changes.
    pub(crate) fn are_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Takes a change; drops it when too many wait.
    pub(crate) fn give(&self, change: Change) {
        if let Some(sender) = &self.0
            && sender.try_send(change).is_err()
        {
            debug!("too many changes wait; spans are dropped");
        }
    }
}

struct Known {
    version: i64,
    index: SpanIndex,
}

async fn make(store: Store, tracer: Tracer, mut changes: mpsc::Receiver<Change>) {
    let mut indexes: HashMap<RunId, Known> = HashMap::new();
    while let Some(change) = changes.recv().await {
        let subject = RunSubject {
            run: &change.run,
            definition: &change.definition,
            trace_parent: change.trace_parent.as_deref(),
            created_at: change.created_at,
        };
        let known = indexes.remove(&change.run).filter(|known| known.version == change.version - 1);
        let mut index = match known {
            Some(known) => known.index,
            None => match rebuild(&store, &subject, change.version).await {
                Ok(index) => index,
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "spans are missing");
                    continue;
                }
            },
        };
        tracer.emit_all(run_spans(&subject, &mut index, &change.steps));
        let over = change.steps.iter().any(|step| {
            use kintsugi_core::Event::{RunCancelled, RunCompleted, RunFaulted};
            let ends =
                |event| matches!(event, &RunCompleted | &RunCancelled { .. } | &RunFaulted { .. });
            step.events.iter().any(ends)
        });
        if indexes.len() >= INDEXES_MAX {
            indexes.clear();
        }
        if !over {
            indexes.insert(change.run, Known { version: change.version, index });
        }
    }
}

/// The open spans of a run before `version`, from its history; none for a first step.
async fn rebuild(
    store: &Store,
    subject: &RunSubject<'_>,
    version: i64,
) -> Result<SpanIndex, kintsugi_entities::Error> {
    let (mut index, mut after) = (SpanIndex::default(), 0);
    while after < version - 1 {
        let rows = store.history(subject.run, after, PAGE).await?;
        let Some(last) = rows.last().map(|row| row.seq) else { break };
        for row in rows.iter().filter(|row| row.seq < version) {
            let steps: Vec<Step> = serde_json::from_slice(&row.steps).unwrap_or_default();
            // These spans were sent when the steps were new.
            let _ = run_spans(subject, &mut index, &steps);
        }
        after = last;
    }
    Ok(index)
}
