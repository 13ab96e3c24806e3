//! Stretches of a run's history: read from where they are wanted, and only as far as is needed, so
//! that a run of very many steps is shown as fast as one of few.

use std::collections::VecDeque;

use kintsugi_core::{Event, RunId, Step};
use kintsugi_entities::HistoryRow;

use crate::{app::App, problem::Problem};

/// Rows that are read at first, and at once at most.
const CHUNK: (usize, usize) = (64, 512);

/// Rows and bytes that one answer reads in one direction at most.
const ROWS_MAX: usize = 4_096;
const BYTES_MAX: usize = 16 << 20;

/// Rows that are read at once to find where a task began.
const PROBE: u32 = 16;

/// A row, and the tasks whose first attempt was given out in it.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its position.
    pub(crate) seq: i64,
    /// What happened.
    pub(crate) steps: Vec<Step>,
    /// Numbers of tasks that began, in order.
    pub(crate) begun: Vec<u64>,
}

/// Rows that follow each other, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// The rows.
    pub(crate) rows: VecDeque<Row>,
    pub(crate) read: Read,
}

/// What was read so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Read {
    rows: usize,
    bytes: usize,
}

impl Read {
    /// How many rows to ask for next; none: it is enough.
    fn next(self) -> Option<u32> {
        if self.rows >= ROWS_MAX || self.bytes >= BYTES_MAX {
            return None;
        }
        let usual = self.rows.clamp(CHUNK.0, CHUNK.1);
        let average = self.bytes / self.rows.max(1);
        let room = (BYTES_MAX - self.bytes) / average.max(1);
        u32::try_from(usual.min(room).min(ROWS_MAX - self.rows).max(1)).ok()
    }

    fn note(&mut self, rows: &[HistoryRow]) {
        self.rows += rows.len();
        self.bytes += rows.iter().map(|row| row.steps.len()).sum::<usize>();
    }
}

impl Stretch {
    /// Reads back from the row before `before`, until `wanted` tasks began in what was read, or
    /// there is no more, or it is too much.
    ///
    /// # Errors
    ///
    /// 503, or 500 when the history is not readable.
    pub(crate) async fn back(
        app: &App,
        run: &RunId,
        before: i64,
        wanted: usize,
    ) -> Result<Self, Problem> {
        let mut stretch = Self::default();
        let (mut begun, mut before) = (0, before);
        while begun < wanted && before > 1 {
            let Some(limit) = stretch.read.next() else { break };
            let rows = app.store.history_back(run, before, limit).await;
            let rows = rows.map_err(|e| app.store_problem(e))?;
            stretch.read.note(&rows);
            let Some(last) = rows.last() else { break };
            before = last.seq;
            for row in &rows {
                let row = Row::read(row)?;
                begun += row.begun.len();
                stretch.rows.push_front(row);
            }
            tokio::task::yield_now().await;
        }
        Ok(stretch)
    }

    /// Reads on after `after` while `wants` of what was read, or until there is no more, or it is
    /// too much; whether it was not. Rows that `skips` are left out unread.
    ///
    /// # Errors
    ///
    /// 503, or 500 when the history is not readable.
    pub(crate) async fn on(
        app: &App,
        run: &RunId,
        mut after: i64,
        skips: impl Fn(&HistoryRow) -> bool,
        mut wants: impl FnMut(&Row) -> bool,
    ) -> Result<(Self, bool), Problem> {
        let mut stretch = Self::default();
        while let Some(limit) = stretch.read.next() {
            let rows = app.store.history(run, after, limit).await;
            let rows = rows.map_err(|e| app.store_problem(e))?;
            stretch.read.note(&rows);
            for row in &rows {
                after = row.seq;
                if skips(row) {
                    continue;
                }
                let row = Row::read(row)?;
                let more = wants(&row);
                stretch.rows.push_back(row);
                if !more {
                    return Ok((stretch, true));
                }
            }
            if rows.len() < limit as usize {
                return Ok((stretch, true));
            }
            tokio::task::yield_now().await;
        }
        Ok((stretch, false))
    }

    /// The position of its first row.
    pub(crate) fn first(&self) -> Option<i64> {
        self.rows.front().map(|row| row.seq)
    }
}

impl Row {
    fn read(row: &HistoryRow) -> Result<Self, Problem> {
        let steps: Vec<Step> =
            serde_json::from_slice(&row.steps).map_err(|_| Problem::internal())?;
        let begun = steps.iter().flat_map(|step| &step.events).filter_map(|event| match event {
            Event::TaskDispatched { task, epoch: 1, .. } => Some(*task),
            _ => None,
        });
        Ok(Self { seq: row.seq, begun: begun.collect(), steps })
    }
}

/// The position of the row in which a task began, found by halving: tasks begin in the order of
/// their numbers.
///
/// # Errors
///
/// 503, or 500 when the history is not readable.
pub(crate) async fn begin_of(
    app: &App,
    run: &RunId,
    version: i64,
    task: u64,
) -> Result<Option<i64>, Problem> {
    let (mut low, mut high) = (1, version);
    while low <= high {
        let middle = low + (high - low) / 2;
        let Some(row) = first_begun(app, run, middle, high).await? else {
            high = middle - 1;
            continue;
        };
        if row.begun.contains(&task) {
            return Ok(Some(row.seq));
        }
        if row.begun.iter().all(|begun| task < *begun) {
            high = middle - 1;
        } else {
            low = row.seq + 1;
        }
    }
    Ok(None)
}

/// The first row from `from` to `to` in which a task began.
async fn first_begun(app: &App, run: &RunId, from: i64, to: i64) -> Result<Option<Row>, Problem> {
    let mut after = from - 1;
    while after < to {
        let rows = app.store.history(run, after, PROBE).await.map_err(|e| app.store_problem(e))?;
        let Some(last) = rows.last() else { return Ok(None) };
        after = last.seq;
        for row in rows.iter().filter(|row| row.seq <= to) {
            let row = Row::read(row)?;
            if !row.begun.is_empty() {
                return Ok(Some(row));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_bounded_in_rows_and_in_bytes() {
        let next = |rows, bytes| Read { rows, bytes }.next();
        assert_eq!(next(0, 0), Some(64));
        assert_eq!(next(64, 64_000), Some(64));
        assert_eq!(next(1_000, 1_000_000), Some(512));
        assert_eq!(next(ROWS_MAX - 3, 0), Some(3));
        assert_eq!(next(ROWS_MAX, 0), None);
        // Rows of a mebibyte: no more than fit.
        assert_eq!(next(8, 8 << 20), Some(8));
        assert_eq!(next(2, BYTES_MAX), None);
    }
}
