//! How long it takes to list runs, to search them and to count them.

use std::time::{Duration, Instant};

use crate::{row::Row, session::Session};

/// How often each question is asked.
const TIMES: usize = 20;

/// A question that took this long altogether is not asked again.
const ENOUGH: Duration = Duration::from_secs(10);

/// A question whose median is above this is named.
const GOAL: Duration = Duration::from_millis(100);

/// The monitoring service gives the same answer for a second.
const CACHED: Duration = Duration::from_millis(1_100);

/// What people ask for first.
const LIST: [&str; 4] =
    ["limit=50", "status=completed&limit=50", "status=waiting&limit=50", "status=faulted&limit=50"];

/// With filters: such that many fit, few, and none.
const SEARCH: [&str; 8] = [
    "definition=bench/stock-done&status=completed&limit=50",
    "definition=bench/stock-done:1.0.0&status=waiting&limit=50",
    "definition=bench/stock-open:1.0.0&status=waiting&limit=50",
    "definition=bench/stock-open:1.0.0&status=completed&limit=50",
    "definition=bench/absent&limit=50",
    "namespace=bench&status=completed&limit=50",
    "namespace=absent&status=completed&limit=50",
    "created_from=2020-01-01T00:00:00Z&status=completed&limit=50",
];

/// Asks everything, with `what` is in the store.
pub(crate) async fn doors(session: &Session, what: &str, counts: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, questions) in [("list", &LIST[..]), ("search", &SEARCH[..])] {
        let (mut all, mut slow) = (Vec::new(), String::new());
        for question in questions {
            let (mut taken, path) = (Vec::with_capacity(TIMES), format!("/v1/runs?{question}"));
            while taken.len() < TIMES && taken.iter().sum::<Duration>() < ENOUGH {
                let began = Instant::now();
                let (code, answer) = session.engine.client.get(&path).await;
                taken.push(began.elapsed());
                if code != 200 {
                    slow += &format!("; NOT ANSWERED: {question}: {code} {}", answer["code"]);
                    break;
                }
            }
            taken.sort_unstable();
            let median = taken[taken.len() / 2];
            if median > GOAL {
                slow += &format!("; SLOW: {question}: {median:.0?}");
            }
            all.extend(taken);
        }
        let count = questions.len();
        let note =
            format!("{count} questions over HTTP, up to {TIMES} times each, one at a time{slow}");
        rows.push(Row { note, ..session.row(format!("{name}, {what}")) }.with_durations(all));
    }
    rows.push(count(session, what, counts).await);
    rows
}

async fn count(session: &Session, what: &str, times: usize) -> Row {
    let (mut taken, mut runs, mut problems) = (Vec::new(), 0, String::new());
    for _ in 0..times {
        tokio::time::sleep(CACHED).await;
        let began = Instant::now();
        let answer = ask(session, "/v1/system").await;
        taken.push(began.elapsed());
        let each = answer["runs"].as_object().into_iter().flatten();
        runs = each.filter_map(|(_, count)| count.as_u64()).sum::<u64>();
        if answer["problems"].as_array().is_some_and(|them| !them.is_empty()) {
            problems = format!("; NOT COUNTED: {}", answer["problems"]);
        }
    }
    let note = format!("GET /v1/system, counted anew each time: {runs} runs{problems}");
    Row { note, ..session.row(format!("count, {what}")) }.with_durations(taken)
}

async fn ask(session: &Session, path: &str) -> serde_json::Value {
    let (code, answer) = session.engine.client.get(path).await;
    assert_eq!(code, 200, "{path}: {answer}");
    answer
}

/// Pages through some hundreds of runs by `next`, to see that paging does not slow down.
pub(crate) async fn deep(session: &Session, what: &str) -> Row {
    let (mut taken, mut cursor) = (Vec::new(), String::new());
    for _ in 0..TIMES * 2 {
        let began = Instant::now();
        let page = ask(session, &format!("/v1/runs?limit=200{cursor}")).await;
        taken.push(began.elapsed());
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let note = "pages of 200, one after the other by `next`".to_owned();
    Row { note, ..session.row(format!("pages, {what}")) }.with_durations(taken)
}
