//! Everything that is stored, read once.

use std::{collections::BTreeMap, time::Duration};

use kintsugi_core::{Program, RunId, RunState, Status, Step};
use kintsugi_definition::{Expressions, Limits, program_from_document};
use kintsugi_entities::{DeadLetterFilter, DeadLetterRow, Page, RunFilter, RunRow, Store};
use kintsugi_nats::{Bus, DeadLetterMessage, stream};

use crate::{eventually, streams};

/// How often a run is read again whose history is ahead.
const AGAIN_MAX: u32 = 20;

/// A run and its whole history.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id.
    pub id: RunId,
    /// `namespace/name:version`.
    pub definition: String,
    /// How many batches changed it.
    pub version: i64,
    /// Where it stands.
    pub status: Status,
    /// When it must be told the time.
    pub wake_at: Option<i64>,
    /// Its state.
    pub state: RunState,
    /// Its history: position and steps of each row.
    pub rows: Vec<(i64, Vec<Step>)>,
}

impl Record {
    /// Every step, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.rows.iter().flat_map(|(_, steps)| steps)
    }

    /// A run as it stands in the table, without its history.
    #[must_use]
    pub fn of(row: RunRow) -> Self {
        let state = serde_json::from_slice(&row.state).unwrap();
        Self {
            id: row.id,
            definition: row.definition,
            version: row.version,
            status: row.status,
            wake_at: row.wake_at,
            state,
            rows: Vec::new(),
        }
    }
}

/// Everything that is stored.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Runs by id.
    pub runs: BTreeMap<String, Record>,
    /// Definitions by reference.
    pub programs: BTreeMap<String, (Program, Expressions)>,
    /// The table of dead letters, by id.
    pub letters: BTreeMap<String, DeadLetterRow>,
    /// What the stream of dead letters holds, repeats included.
    pub stream: Vec<DeadLetterMessage>,
}

impl Book {
    /// Reads it. Dead letters are given a moment to reach their stream.
    pub async fn read(store: &Store, bus: &Bus) -> Self {
        eventually("dead letters are published", Duration::from_secs(60), || async {
            // A stream that was just made anew has none of them, and nothing says so for a moment.
            let streams = bus.stream_states().await.ok()?;
            let held = streams.into_iter().find(|one| one.name == stream::DEAD)?.messages;
            let marked = store.counts().await.ok()?.dead_letters_unpublished == 0;
            (marked && held >= letters(store).await.len() as u64).then_some(())
        })
        .await;
        let mut book = Self::default();
        let mut page = Page { limit: 500, cursor: None };
        loop {
            let found = store.runs_list(&RunFilter::default(), page).await.unwrap();
            let ids: Vec<RunId> = found.items.into_iter().map(|run| run.id).collect();
            for row in store.runs_load(&ids).await.unwrap() {
                let record = record(store, row).await;
                book.add_program(store, &record.definition).await;
                book.runs.insert(record.id.to_string(), record);
            }
            let Some(cursor) = found.next else { break };
            page = Page { limit: 500, cursor: Some(cursor) };
        }
        book.letters = letters(store).await;
        for message in streams::messages(bus, stream::DEAD).await {
            book.stream.push(serde_json::from_slice(&message.payload).unwrap());
        }
        book
    }

    async fn add_program(&mut self, store: &Store, reference: &str) {
        if self.programs.contains_key(reference) {
            return;
        }
        let found = store.definitions_by_id(&[reference.to_owned()]).await.unwrap();
        let Some(found) = found.first() else { return };
        let document = serde_json::from_slice(&found.document).unwrap();
        let resources = found.resources.as_deref().map(serde_json::from_slice);
        let resources = resources.transpose().unwrap().unwrap_or_default();
        let program = program_from_document(&document, &resources).unwrap();
        let expressions = Expressions::new(&program, Limits::default()).unwrap();
        self.programs.insert(reference.to_owned(), (program, expressions));
    }
}

/// A run and its history. They are read one after the other: where a late result was noted in between, the
/// history is ahead, and both are read again.
async fn record(store: &Store, mut row: RunRow) -> Record {
    for _ in 0..AGAIN_MAX {
        let mut record = Record::of(row.clone());
        record.rows = rows(store, &record.id).await;
        if record.rows.last().is_none_or(|(seq, _)| *seq <= record.version) {
            return record;
        }
        row = store.runs_load(std::slice::from_ref(&record.id)).await.unwrap().remove(0);
    }
    let rows = rows(store, &row.id).await;
    Record { rows, ..Record::of(row) }
}

async fn rows(store: &Store, id: &RunId) -> Vec<(i64, Vec<Step>)> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let rows = store.history(id, after, 500).await.unwrap();
        let Some(last) = rows.last() else { return all };
        after = last.seq;
        all.extend(
            rows.into_iter().map(|row| (row.seq, serde_json::from_slice(&row.steps).unwrap())),
        );
    }
}

async fn letters(store: &Store) -> BTreeMap<String, DeadLetterRow> {
    let (mut all, mut page) = (BTreeMap::new(), Page { limit: 500, cursor: None });
    loop {
        let found = store.dead_letters_list(&DeadLetterFilter::default(), page).await.unwrap();
        all.extend(found.items.into_iter().map(|letter| (letter.id.clone(), letter)));
        let Some(cursor) = found.next else { return all };
        page = Page { limit: 500, cursor: Some(cursor) };
    }
}
