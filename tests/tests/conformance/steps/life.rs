//! What is heard of a run: its lifecycle events.

use std::collections::BTreeMap;
use std::time::Duration;

use kintsugi_nats::{LifeEvent, LifeFrom};
use kintsugi_tests::Trouble;
use tokio::time::{Instant, timeout};

use super::{Outcome, SOON, Stop, World, holds};

/// How long nothing must come until it is believed that no more does, where some may be lost.
const QUIET: Duration = Duration::from_secs(1);

/// Of what the engine says that somebody is late. In trouble, on a machine that is slow, somebody is;
/// no other promise may be broken.
const LATE: [&str; 3] = ["P1", "P2", "P6"];

/// Tells of more than the specification has; the features are about the others.
const OWN: [&str; 6] = ["task.lost", "task.dead", "task.redriven", "event.", "human-task.", "?"];

impl World<'_> {
    /// Every event of the specification about the run, in the order of their `sequence`: a table of
    /// type, task and status.
    ///
    /// Undisturbed, they are exactly these. In trouble, those of a process that died are lost (the
    /// profile, section 7), and an attempt that was lost has a second one: then nothing else is told
    /// than these, and new attempts.
    pub(super) async fn life(&self, table: &str) -> Outcome {
        let wanted: Vec<String> = table.lines().skip(1).map(str::to_owned).collect();
        let found = self.heard(wanted.last()).await?;
        if self.trouble == Trouble::None {
            let shown = || format!("the events are\n{}", found.join("\n"));
            return holds(found == wanted, shown);
        }
        let again = |line: &String| {
            let is_again = line.starts_with("task.retried") || line.ends_with("| pending");
            let task = line.split(" | ").nth(1);
            is_again && wanted.iter().any(|line| line.split(" | ").nth(1) == task)
        };
        let late = |line: &String| LATE.iter().any(|it| line.starts_with(&breach(it)));
        let odd = found.iter().find(|line| !wanted.contains(line) && !again(line) && !late(line));
        holds(odd.is_none(), || format!("nobody expects {odd:?}"))
    }

    /// What was heard, each event once, up to `last` where nothing is lost.
    async fn heard(&self, last: Option<&String>) -> Result<Vec<String>, Stop> {
        let failed = |error: String| Stop::Failed(error);
        let run = self.run_id().ok_or_else(|| failed("nothing was run".to_owned()))?;
        let filter = format!("kintsugi.life.*.*.{run}.>");
        let reader = self.bus.life(&filter, LifeFrom::All).await;
        let mut reader = reader.map_err(|error| failed(error.to_string()))?;
        let (mut all, end) = (BTreeMap::new(), Instant::now() + SOON);
        let patience = if self.trouble == Trouble::None { SOON } else { QUIET };
        while let Ok(Some(batch)) = timeout(patience, reader.next(256)).await {
            let lines = batch.iter().map(|(_, event)| (event.sequence.clone(), line(event)));
            all.extend(lines);
            let is_last = self.trouble == Trouble::None
                && all.last_key_value().is_some_and(|(_, line)| Some(line) == last);
            if is_last || Instant::now() > end {
                break;
            }
        }
        let is_own = |line: &String| OWN.iter().any(|own| line.starts_with(own));
        Ok(all.into_values().filter(|line| !is_own(line)).collect())
    }
}

/// How a line about a broken promise begins.
fn breach(promise: &str) -> String {
    format!("promise.breached {promise}:")
}

/// Type, task and status, as a row of a table; of a broken promise what is said of it.
fn line(event: &LifeEvent) -> String {
    let of = |key: &str| event.data[key].as_str().unwrap_or("").to_owned();
    if event.event() == "promise.breached" {
        return format!("{} {} {}", breach(&of("promise")), of("subject"), of("what"));
    }
    format!("{} | {} | {}", event.event(), of("task"), of("status")).trim_end().to_owned()
}
