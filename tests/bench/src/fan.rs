//! One run with very many tasks side by side, and a join.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{row::Row, session::Session, work};

/// The longest that one may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// A run of `width` tasks; where that does not work, of fewer, and the row says why.
pub(crate) async fn fan(session: &Session, width: usize) -> Row {
    let mut failed = String::new();
    for part in [1, 2, 5, 10, 20, 50, 100] {
        match once(session, width / part).await {
            Ok(row) => return Row { note: row.note.clone() + &failed, ..row },
            Err(why) => failed += &format!("; NOT {}: {why}", width / part),
        }
    }
    Row { note: format!("no width works{failed}"), ..session.row("fan") }
}

async fn once(session: &Session, width: usize) -> Result<Row, String> {
    let (client, name) = (&session.engine.client, format!("fan-{width}"));
    client.define(&work::map(&name, width)).await;
    let (processes, began) = (session.processes(), Instant::now());
    let before = processes.snapshot();
    let run = Session::start_with(&session.bus, &name, &json!({})).await;
    let ended = loop {
        let (code, answer) = client.get(&format!("/v1/runs/{run}/result?wait=30s")).await;
        if code == 200 {
            break answer;
        }
        if began.elapsed() > PATIENCE {
            client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await;
            return Err(format!("not within {PATIENCE:?}"));
        }
    };
    let used = before.until(&processes.snapshot());
    if ended["status"] != "completed" {
        return Err(format!("it {}: {}", ended["status"], ended["error"]));
    }
    let joined = ended["output"].as_array().map_or(0, Vec::len);
    assert_eq!(joined, width, "the join has all outputs");
    let times = completions(session, &run).await;
    assert_eq!(times.done.len(), width, "the history has each task once");
    let Some([first, last]) = times.tenths() else {
        return Err("a tenth took less than a millisecond".to_owned());
    };
    let whole = (times.done[width - 1] - times.began) as f64 / 1000.0;
    let note = format!(
        "one run, `map` of {width} tasks, 1,000 at a time, and the join; first tenth {first:.0} steps/s, last tenth {last:.0}: a step at the end costs {:.2} times one at the beginning; start to first result {} ms; by the history's times",
        first / last,
        times.done[0] - times.began,
    );
    let row = Row {
        steps_per_s: Some(width as f64 / whole),
        steps_per_s_tenths: Some([first, last]),
        note,
        ..session.row("fan")
    };
    Ok(row.with_cpu(&used, width))
}

/// When a run began and its tasks were done, in milliseconds of the epoch and in order.
#[derive(Debug, Default)]
struct Times {
    began: i64,
    done: Vec<i64>,
}

impl Times {
    /// Steps a second of the first and of the last tenth, from the first result on: before it there
    /// is what is to be done once.
    fn tenths(&self) -> Option<[f64; 2]> {
        let (count, tenth) = (self.done.len(), self.done.len() / 10);
        let rate = |from: usize, to: usize| {
            let taken = (self.done.get(to)? - self.done.get(from)?) as f64 / 1000.0;
            (taken > 0.0).then(|| (to - from) as f64 / taken)
        };
        Some([rate(0, tenth)?, rate(count.checked_sub(1 + tenth)?, count - 1)?])
    }
}

async fn completions(session: &Session, run: &str) -> Times {
    let (mut times, mut after) = (Times::default(), 0);
    loop {
        let path = format!("/v1/runs/{run}/history?limit=1000&after={after}");
        let (code, page) = session.engine.client.get(&path).await;
        assert_eq!(code, 200, "{page}");
        for entry in page["items"].as_array().expect("entries") {
            after = entry["seq"].as_i64().expect("a number");
            entry["steps"].as_array().expect("steps").iter().for_each(|step| times.saw(step));
        }
        if page["next"].is_null() {
            break;
        }
    }
    times.done.sort_unstable();
    times
}

impl Times {
    fn saw(&mut self, step: &Value) {
        let at = step["at"].as_i64().expect("a time");
        match step["input"]["kind"].as_str() {
            Some("start") => self.began = at,
            Some("completed") => self.done.push(at),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_compared_by_their_rates() {
        // Two a millisecond first, one a millisecond at the end.
        let quick = (0..50).map(|n| n / 2);
        let times = Times { began: 0, done: quick.chain(25..75).collect() };
        assert_eq!(times.tenths(), Some([2_000.0, 1_000.0]));
        assert_eq!(Times { began: 0, done: vec![5; 100] }.tenths(), None);
        assert_eq!(Times::default().tenths(), None);
    }
}
