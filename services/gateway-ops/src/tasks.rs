//! Tasks of runs. The run's state knows those that are open; the others come from its history, of
//! which no more is read than an answer shows.

use std::collections::BTreeMap;

use kintsugi_core::{RunId, RunState, TaskKey};
use kintsugi_entities::{HistoryRow, RunRow};
use serde_json::Value;

use crate::{
    app::App,
    ask::no_run,
    fold::Tasks,
    problem::Problem,
    runs,
    stretch::{Stretch, begin_of},
    types::{Task, TaskPage, TaskStatus},
};

/// Tasks that are shown with a run: the newest.
const SHOWN: usize = 200;

/// Open tasks that are shown besides, where the newest are not all that are open.
const OPEN_SHOWN: usize = 200;

/// Of those, such as began too long ago to be among what was read: each is looked for.
const OPEN_FOUND: usize = 8;

/// Bytes of a payload that a list shows.
const PAYLOAD_MAX: usize = 16 << 10;

/// Where a page of tasks begins: at a row, with so many of the tasks that began in it left out,
/// counted from the last. Clients get it as `<seq>.<skip>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    seq: i64,
    skip: usize,
}

impl Place {
    fn parse(text: &str) -> Result<Self, Problem> {
        let place = text.split_once('.').and_then(|(seq, skip)| {
            let place = Self { seq: seq.parse().ok()?, skip: skip.parse().ok()? };
            (place.seq > 0).then_some(place)
        });
        place.ok_or_else(|| {
            Problem::bad_request("invalid_parameter", "the cursor is not one that a page gave")
        })
    }
}

/// Tasks of a run, the newest first.
struct Page {
    tasks: Vec<Task>,
    next: Option<Place>,
    /// Others that were met on the way.
    rest: BTreeMap<u64, Task>,
}

/// Reads a page of at most `limit` tasks.
async fn page(
    app: &App,
    row: &RunRow,
    state: &RunState,
    from: Option<Place>,
    limit: usize,
) -> Result<Page, Problem> {
    let Place { seq, skip } = from.unwrap_or(Place { seq: row.version, skip: 0 });
    let stretch = Stretch::back(app, &row.id, seq + 1, skip + limit + 1).await?;
    let (wanted, next) = pick(&stretch, skip, limit);
    let mut tasks = Tasks::new(row.id.clone());
    let steps = |stretch: &Stretch, tasks: &mut Tasks| {
        stretch.rows.iter().flat_map(|row| &row.steps).for_each(|step| tasks.step(step));
    };
    steps(&stretch, &mut tasks);
    let mut whole = true;
    if seq < row.version && wanted.iter().any(|task| !tasks.is_settled(*task)) {
        // What became of them stands in rows that a page before has shown already.
        let mut ahead = tasks.clone();
        let unsettled = |row: &crate::stretch::Row| {
            row.steps.iter().for_each(|step| ahead.step(step));
            wanted.iter().any(|task| !ahead.is_settled(*task))
        };
        whole = Stretch::on(app, &row.id, seq, |_| false, unsettled).await?.1;
        tasks = ahead;
    }
    let unsettled: Vec<u64> = match whole {
        true => Vec::new(),
        false => wanted.iter().copied().filter(|task| !tasks.is_settled(*task)).collect(),
    };
    let mut all = tasks.finish(state);
    for task in unsettled {
        all.entry(task).and_modify(|task| task.partial = true);
    }
    let tasks = wanted.iter().filter_map(|task| all.remove(task)).map(trimmed).collect();
    Ok(Page { tasks, next, rest: all })
}

/// The tasks of a page, the newest first, and where the next page begins.
fn pick(stretch: &Stretch, skip: usize, limit: usize) -> (Vec<u64>, Option<Place>) {
    let begun = stretch.rows.iter().rev().flat_map(|row| {
        row.begun.iter().rev().enumerate().map(|(index, task)| (row.seq, index, *task))
    });
    let mut begun = begun.skip(skip);
    let wanted: Vec<u64> = begun.by_ref().take(limit).map(|(.., task)| task).collect();
    let next = match begun.next() {
        Some((seq, skip, _)) => Some(Place { seq, skip }),
        None => stretch
            .first()
            .filter(|first| *first > 1)
            .map(|first| Place { seq: first - 1, skip: 0 }),
    };
    (wanted, next)
}

/// The tasks that a run is shown with, in the order of their numbers, and whether there are more.
///
/// # Errors
///
/// 503, or 500 when the history is not readable.
pub(crate) async fn of_run(
    app: &App,
    row: &RunRow,
    state: &RunState,
) -> Result<(Vec<Task>, bool), Problem> {
    let Page { mut tasks, next, mut rest } = page(app, row, state, None, SHOWN).await?;
    let mut truncated = next.is_some();
    let shown: Vec<u64> = tasks.iter().map(|task| task.number).collect();
    let open = state.tasks().map(|open| open.task).filter(|task| !shown.contains(task));
    let mut found = 0;
    for (count, number) in open.enumerate() {
        if count >= OPEN_SHOWN {
            truncated = true;
            break;
        }
        match rest.remove(&number) {
            Some(task) => tasks.push(trimmed(task)),
            None if found < OPEN_FOUND => {
                found += 1;
                tasks.extend(whole(app, row, state, number).await?.map(trimmed));
            }
            None => truncated = true,
        }
    }
    tasks.sort_unstable_by_key(|task| task.number);
    Ok((tasks, truncated))
}

/// A page of a run's tasks, the newest first.
///
/// # Errors
///
/// 400 for a foreign cursor, 404, 503.
pub async fn list(
    app: &App,
    id: &RunId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<TaskPage, Problem> {
    let from = cursor.map(Place::parse).transpose()?;
    let row = runs::row(app, id).await?;
    let state = runs::state(&row)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let Page { tasks, next, .. } = page(app, &row, &state, from, limit).await?;
    let next = next.map(|Place { seq, skip }| format!("{seq}.{skip}"));
    Ok(TaskPage { items: tasks, next })
}

/// One task, with its payloads.
///
/// # Errors
///
/// 404, 503.
pub async fn get(app: &App, text: &str) -> Result<Task, Problem> {
    let none = || {
        let shown: String = text.chars().take(90).collect();
        Problem::not_found("task_not_found", format!("there is no task {shown}"))
    };
    let key = TaskKey::parse(text).map_err(|error| none().detail(error.to_string()))?;
    let row = app.store.run_get(&key.run).await.map_err(|e| app.store_problem(e))?;
    let row = row.ok_or_else(|| no_run(key.run.as_str()))?;
    let state = runs::state(&row)?;
    whole(app, &row, &state, key.task).await?.ok_or_else(none)
}

/// One task with all that is known of it.
async fn whole(
    app: &App,
    row: &RunRow,
    state: &RunState,
    number: u64,
) -> Result<Option<Task>, Problem> {
    let Some(begin) = begin_of(app, &row.id, row.version, number).await? else { return Ok(None) };
    let mut tasks = Tasks::new(row.id.clone());
    let named = [format!("\"task\":{number},"), format!("\"task\":{number}}}")];
    let is_about = |row: &HistoryRow| {
        let text = std::str::from_utf8(&row.steps).unwrap_or_default();
        named.iter().any(|named| text.contains(named.as_str()))
    };
    let unsettled = |row: &crate::stretch::Row| {
        row.steps.iter().for_each(|step| tasks.step(step));
        !tasks.is_settled(number)
    };
    let skips = |row: &HistoryRow| !is_about(row);
    let (_, whole) = Stretch::on(app, &row.id, begin - 1, skips, unsettled).await?;
    let settled = whole || tasks.is_settled(number);
    let task = tasks.finish(state).remove(&number);
    Ok(task.map(|task| Task { partial: task.partial || !settled, ..task }))
}

/// The task as a list shows it: a large payload is told by its size.
fn trimmed(mut task: Task) -> Task {
    let trim = |payload: &mut Option<Value>| {
        let size = payload.as_ref().map_or(0, |value| value.to_string().len());
        if size <= PAYLOAD_MAX {
            return None;
        }
        *payload = None;
        u64::try_from(size).ok()
    };
    task.input_bytes = trim(&mut task.input);
    task.output_bytes = trim(&mut task.output);
    task
}

/// Whether nothing more can come of a task, as far as is known. A dead letter may be redriven.
pub(crate) fn is_over(status: TaskStatus) -> bool {
    matches!(status, TaskStatus::Completed | TaskStatus::Failed | TaskStatus::Cancelled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stretch::Row;

    fn stretch(rows: &[(i64, &[u64])]) -> Stretch {
        let row = |(seq, begun): &(i64, &[u64])| Row {
            seq: *seq,
            steps: Vec::new(),
            begun: begun.to_vec(),
        };
        Stretch { rows: rows.iter().map(row).collect(), ..Stretch::default() }
    }

    #[test]
    fn a_page_ends_within_a_row_and_the_next_begins_there() {
        let all = stretch(&[(1, &[1, 2, 3]), (2, &[]), (3, &[4, 5])]);
        let place = |seq, skip| Some(Place { seq, skip });
        assert_eq!(pick(&all, 0, 2), (vec![5, 4], place(1, 0)));
        assert_eq!(pick(&all, 0, 4), (vec![5, 4, 3, 2], place(1, 2)));
        let upto_one = stretch(&[(1, &[1, 2, 3])]);
        assert_eq!(pick(&upto_one, 2, 4), (vec![1], None));
        assert_eq!(pick(&all, 0, 5), (vec![5, 4, 3, 2, 1], None));
    }

    #[test]
    fn what_was_not_read_is_another_page() {
        let some = stretch(&[(7, &[]), (8, &[9])]);
        assert_eq!(pick(&some, 0, 5), (vec![9], Some(Place { seq: 6, skip: 0 })));
        assert_eq!(pick(&stretch(&[]), 0, 5), (vec![], None));
    }

    #[test]
    fn a_cursor_is_a_row_and_a_count() {
        assert_eq!(Place::parse("12.3").unwrap(), Place { seq: 12, skip: 3 });
        for bad in ["", "1", "1.", ".1", "-1.0", "0.0", "1.-1", "x.y", "1.2.3"] {
            assert_eq!(Place::parse(bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn a_large_payload_is_told_by_its_size() {
        let mut task = crate::fold::tests::a_task();
        task.output = Some(json!("x".repeat(20_000)));
        task.input = Some(json!("small"));
        let task = trimmed(task);
        assert_eq!((task.output, task.output_bytes), (None, Some(20_002)));
        assert_eq!((task.input, task.input_bytes), (Some(json!("small")), None));
    }
}
