//! Puts runs into the store as an engine would have written them.
//!
//! An engine ran one of each kind; what it stored is written again under new ids and with earlier
//! times, by the statements of the engine itself and version by version, so that the database
//! has the same dead rows and the same order of pages.

use futures::{StreamExt, stream};
use kintsugi_core::{RunId, partition_of};
use kintsugi_entities::{Batch, Committed, HistoryRow, NewRun, Options, RunRow, RunWrite, Store};

/// The default of `engine.partitions`.
const PARTITIONS: u16 = 16;

/// Runs that one statement writes.
const CHUNK: usize = 500;

/// Milliseconds of the epoch have so many digits, from 2001 to 2286.
const DIGITS: usize = 13;

/// A run of which there shall be many.
pub(crate) struct Template {
    row: RunRow,
    state: Shifted,
    history: Vec<(HistoryRow, Shifted)>,
}

impl Template {
    /// Reads a run.
    pub(crate) async fn read(store: &Store, run: &str) -> Self {
        let id = RunId::parse(run).unwrap();
        let row = store.run_get(&id).await.unwrap().expect("the run is there");
        let history = store.history(&id, 0, 1_000).await.unwrap();
        assert_eq!(history.len() as i64, row.version, "the whole history");
        let history = history.into_iter().map(|entry| {
            let steps = Shifted::new(&entry.steps);
            (entry, steps)
        });
        Self { state: Shifted::new(&row.state), history: history.collect(), row }
    }

    /// Writes `count` of it, accepted evenly from `from` until `to`, in milliseconds of the epoch;
    /// gives their ids, the oldest first.
    ///
    /// No engine may work on the store meanwhile: between two statements the runs are half there.
    pub(crate) async fn fill(&self, store: &Store, count: usize, from: i64, to: i64) -> Vec<RunId> {
        let at = |number: usize| from + ((to - from) as f64 * number as f64 / count as f64) as i64;
        let runs: Vec<(RunId, i64)> = (0..count).map(|n| (id(at(n), n), at(n))).collect();
        let chunks = stream::iter(runs.chunks(CHUNK)).map(|chunk| self.chunk(store, chunk));
        chunks.buffer_unordered(4).collect::<()>().await;
        runs.into_iter().map(|(id, _)| id).collect()
    }

    async fn chunk(&self, store: &Store, runs: &[(RunId, i64)]) {
        let new: Vec<NewRun> = runs.iter().map(|(id, at)| self.accepted(id, *at)).collect();
        store.runs_create(&new).await.unwrap();
        for (entry, steps) in &self.history {
            let runs = runs.iter().map(|(id, at)| self.written(id, *at, entry, steps)).collect();
            let batch = Batch { runs, ..Batch::default() };
            assert_eq!(store.commit_batch(&batch).await.unwrap(), Committed::Done);
        }
    }

    fn accepted(&self, id: &RunId, at: i64) -> NewRun {
        NewRun {
            id: id.clone(),
            definition: self.row.definition.clone(),
            partition: partition_of(id, PARTITIONS),
            state: self.state.by(at - self.row.created_at),
            created_at: at,
            parent: None,
            start_key: None,
            // Only a repeat of the request would be compared with it.
            request_digest: "0".repeat(64),
            trace_parent: self.row.trace_parent.clone(),
        }
    }

    fn written(&self, id: &RunId, at: i64, entry: &HistoryRow, steps: &Shifted) -> RunWrite {
        let by = at - self.row.created_at;
        RunWrite {
            id: id.clone(),
            version_before: entry.seq - 1,
            version: entry.seq,
            status: self.row.status,
            wake_at: self.row.wake_at.map(|at| at + by),
            state: self.state.by(by),
            ended_at: self.row.ended_at.map(|at| at + by),
            updated_at: self.row.updated_at + by,
            history: HistoryRow { seq: entry.seq, at: entry.at + by, steps: steps.by(by) },
        }
    }
}

/// An id as the engine makes them (UUID, version 7): those of one time lie together.
fn id(at: i64, number: usize) -> RunId {
    let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let text = format!(
        "{:08x}-{:04x}-7{:03x}-8{:03x}-{:04x}{number:08x}",
        at >> 16,
        at & 0xffff,
        mixed >> 52,
        mixed >> 40 & 0xfff,
        mixed >> 24 & 0xffff,
    );
    RunId::parse(&text).expect("it is one")
}

/// JSON, and the times in it.
struct Shifted {
    /// What stands before each time.
    before: Vec<(Vec<u8>, i64)>,
    rest: Vec<u8>,
}

impl Shifted {
    fn new(json: &[u8]) -> Self {
        let (mut before, mut text, mut at, mut quoted) = (Vec::new(), Vec::new(), 0, false);
        while let Some(byte) = json.get(at) {
            let digits = json[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !quoted && digits == DIGITS {
                let number = std::str::from_utf8(&json[at..at + digits]).expect("digits");
                before.push((std::mem::take(&mut text), number.parse().expect("a number")));
                at += digits;
                continue;
            }
            // What is escaped ends no text; other numbers are taken whole.
            let taken = if quoted && *byte == b'\\' { 2 } else { digits.max(1) };
            quoted ^= *byte == b'"';
            text.extend_from_slice(&json[at..at + taken]);
            at += taken;
        }
        Self { before, rest: text }
    }

    /// With every time so much later, in milliseconds.
    fn by(&self, milliseconds: i64) -> Vec<u8> {
        let mut json = Vec::with_capacity(2 * self.rest.len());
        for (text, time) in &self.before {
            json.extend_from_slice(text);
            json.extend_from_slice((time + milliseconds).to_string().as_bytes());
        }
        json.extend_from_slice(&self.rest);
        json
    }
}

/// The store of an engine.
pub(crate) async fn open(url: &str) -> Store {
    Box::pin(Store::connect(url, &Options::default())).await.unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_move_and_nothing_else_does() {
        let json = br#"{"at":1795811613839,"n":[1,12345678901234],"t":"\"1795811613839","u":[1795811613840]}"#;
        let moved = Shifted::new(json).by(-1_000);
        let expected = br#"{"at":1795811612839,"n":[1,12345678901234],"t":"\"1795811613839","u":[1795811612840]}"#;
        assert_eq!(String::from_utf8(moved), String::from_utf8(expected.to_vec()));
        assert_eq!(Shifted::new(json).by(0), json);
    }

    #[test]
    fn ids_are_in_the_order_of_time() {
        let (one, other) = (id(1_795_811_613_839, 1), id(1_795_811_613_840, 0));
        assert!(one < other && one.as_str().len() == 36, "{one} {other}");
    }
}
