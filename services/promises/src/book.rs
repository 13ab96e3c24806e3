//! Everything that is stored, read once.

use std::{collections::BTreeMap, time::Duration};

use kintsugi_core::{Program, RunId, RunState, Status, Step};
use kintsugi_definition::{Expressions, Limits, program_from_document};
use kintsugi_entities::{
    DeadLetterFilter, DeadLetterRow, Definition, Page, Recorded, RunFilter, RunRow, Store,
};
use kintsugi_nats::{Bus, DeadLetterMessage, stream};
use tokio::time::{Instant, sleep};

use crate::{Error, streams};

/// How often a run is read again whose history is ahead.
const AGAIN_MAX: u32 = 20;

/// How long dead letters may take to reach their stream before they are missed.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(60);

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

    /// A run as the ledger reads it, without its history.
    ///
    /// # Errors
    ///
    /// When its state is no state.
    pub fn stored(row: &Recorded) -> Result<Self, Error> {
        let what = format!("the state of {}", row.id);
        let state = serde_json::from_slice(&row.state).map_err(Error::unreadable(&what))?;
        Ok(Self {
            id: row.id.clone(),
            definition: row.definition.clone(),
            version: row.version,
            status: row.status,
            wake_at: row.wake_at,
            state,
            rows: Vec::new(),
        })
    }

    /// A run as it stands in the table, without its history.
    ///
    /// # Errors
    ///
    /// When its state is no state.
    pub fn of(row: RunRow) -> Result<Self, Error> {
        let state = serde_json::from_slice(&row.state)
            .map_err(Error::unreadable(&format!("the state of {}", row.id)))?;
        Ok(Self {
            id: row.id,
            definition: row.definition,
            version: row.version,
            status: row.status,
            wake_at: row.wake_at,
            state,
            rows: Vec::new(),
        })
    }
}

/// Everything that is stored.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Runs by id.
    pub runs: BTreeMap<String, Record>,
    /// Definitions by reference.
    pub programs: BTreeMap<String, (Program, Expressions)>,
    /// Definitions that are there and of no use, by reference, and why.
    pub unusable: BTreeMap<String, String>,
    /// The table of dead letters, by id.
    pub letters: BTreeMap<String, DeadLetterRow>,
    /// What the stream of dead letters holds, repeats included.
    pub stream: Vec<DeadLetterMessage>,
}

impl Book {
    /// Reads it. Dead letters are given a moment to reach their stream; what is missing then is for the
    /// check to say.
    ///
    /// # Errors
    ///
    /// When the database or the broker does not answer, or what they hold cannot be read.
    pub async fn read(store: &Store, bus: &Bus) -> Result<Self, Error> {
        published(store, bus).await;
        let mut book = Self::default();
        let mut page = Page { limit: 500, cursor: None };
        loop {
            let found = store.runs_list(&RunFilter::default(), page).await?;
            let ids: Vec<RunId> = found.items.into_iter().map(|run| run.id).collect();
            for row in store.runs_load(&ids).await? {
                let record = record(store, row).await?;
                book.add_program(store, &record.definition).await?;
                book.runs.insert(record.id.to_string(), record);
            }
            let Some(cursor) = found.next else { break };
            page = Page { limit: 500, cursor: Some(cursor) };
        }
        book.letters = letters(store).await?;
        for message in streams::messages(bus, stream::DEAD).await? {
            let letter = serde_json::from_slice(&message.payload);
            book.stream.push(letter.map_err(Error::unreadable("a published dead letter"))?);
        }
        Ok(book)
    }

    async fn add_program(&mut self, store: &Store, reference: &str) -> Result<(), Error> {
        if self.programs.contains_key(reference) || self.unusable.contains_key(reference) {
            return Ok(());
        }
        // What is gone or of no use is for the check to say.
        match program(store, reference).await? {
            Defined::Gone => {}
            Defined::Usable(found) => {
                self.programs.insert(reference.to_owned(), *found);
            }
            Defined::Unusable(why) => {
                self.unusable.insert(reference.to_owned(), why);
            }
        }
        Ok(())
    }
}

/// A definition, as it is stored.
#[derive(Clone, Debug)]
pub enum Defined {
    /// It compiles.
    Usable(Box<(Program, Expressions)>),
    /// There is none.
    Gone,
    /// It is no document, or one that does not compile (any more), and why.
    Unusable(String),
}

impl Defined {
    fn of(found: &Definition) -> Self {
        let document = serde_json::from_slice(&found.document);
        let resources = found.resources.as_deref().map(serde_json::from_slice).transpose();
        let (document, resources) = match (document, resources) {
            (Ok(document), Ok(resources)) => (document, resources.unwrap_or_default()),
            (Err(problem), _) => return Self::Unusable(format!("it is no JSON: {problem}")),
            (_, Err(problem)) => {
                return Self::Unusable(format!("its resources cannot be read: {problem}"));
            }
        };
        let compiled = program_from_document(&document, &resources)
            .and_then(|program| Ok((Expressions::new(&program, Limits::default())?, program)));
        match compiled {
            Ok((expressions, program)) => Self::Usable(Box::new((program, expressions))),
            Err(problems) => {
                let said = problems.0.iter().map(|one| format!("{}: {one}", one.pointer));
                Self::Unusable(said.collect::<Vec<_>>().join("; "))
            }
        }
    }
}

/// A stored definition, compiled.
///
/// # Errors
///
/// When the database does not answer.
pub async fn program(store: &Store, reference: &str) -> Result<Defined, Error> {
    let found = store.definitions_by_id(&[reference.to_owned()]).await?;
    Ok(found.first().map_or(Defined::Gone, Defined::of))
}

/// Waits until every dead letter of the table is in the stream.
async fn published(store: &Store, bus: &Bus) {
    let deadline = Instant::now() + PUBLISHED_WITHIN;
    while Instant::now() < deadline && !are_published(store, bus).await.unwrap_or(false) {
        sleep(Duration::from_millis(50)).await;
    }
}

async fn are_published(store: &Store, bus: &Bus) -> Result<bool, Error> {
    // A stream that was just made anew has none of them, and nothing says so for a moment.
    let streams = bus.stream_states().await?;
    let held = streams.into_iter().find(|one| one.name == stream::DEAD).map_or(0, |it| it.messages);
    let marked = store.counts().await?.dead_letters_unpublished == 0;
    Ok(marked && held >= letters(store).await?.len() as u64)
}

/// A run and its history. They are read one after the other: where a late result was noted in between, the
/// history is ahead, and both are read again.
async fn record(store: &Store, mut row: RunRow) -> Result<Record, Error> {
    for _ in 0..AGAIN_MAX {
        let mut record = Record::of(row.clone())?;
        record.rows = rows(store, &record.id).await?;
        if record.rows.last().is_none_or(|(seq, _)| *seq <= record.version) {
            return Ok(record);
        }
        let again = store.runs_load(std::slice::from_ref(&record.id)).await?;
        let Some(again) = again.into_iter().next() else { return Ok(record) };
        row = again;
    }
    let rows = rows(store, &row.id).await?;
    Ok(Record { rows, ..Record::of(row)? })
}

async fn rows(store: &Store, id: &RunId) -> Result<Vec<(i64, Vec<Step>)>, Error> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let rows = store.history(id, after, 500).await?;
        let Some(last) = rows.last() else { return Ok(all) };
        after = last.seq;
        for row in rows {
            let steps = serde_json::from_slice(&row.steps);
            let what = || format!("row {} of the history of {id}", row.seq);
            all.push((row.seq, steps.map_err(|source| Error::unreadable(&what())(source))?));
        }
    }
}

async fn letters(store: &Store) -> Result<BTreeMap<String, DeadLetterRow>, Error> {
    let (mut all, mut page) = (BTreeMap::new(), Page { limit: 500, cursor: None });
    loop {
        let found = store.dead_letters_list(&DeadLetterFilter::default(), page).await?;
        all.extend(found.items.into_iter().map(|letter| (letter.id.clone(), letter)));
        let Some(cursor) = found.next else { return Ok(all) };
        page = Page { limit: 500, cursor: Some(cursor) };
    }
}
