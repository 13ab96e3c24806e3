//! P2: everything open has an owner and a deadline, now. What is between two owners at one look is
//! in order; what is so at look after look, for longer than mending takes, is not.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::{ChildPhase, ChildTask, Phase, RunState, Status, TaskView};

use crate::Record;

/// A timer that is late by more than this was not heard.
const LATE_MS: i64 = 1_000;

/// Who holds what outside the runs' own rows.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Attempts whose message waits in the stream and was delivered to nobody.
    pub queued: BTreeSet<(String, u64)>,
    /// Attempts that live workers say they hold, each with the workers.
    pub leases: BTreeMap<(String, u64), Vec<String>>,
    /// Dead letters that are open.
    pub letters: BTreeSet<String>,
    /// The time, in milliseconds since 1970.
    pub now: i64,
}

/// Something open that nobody answers for.
pub type Unowned = String;

/// Whatever is open in these runs and has no owner, too many, or no deadline.
#[must_use]
pub fn unowned(runs: &[Record], holdings: &Holdings) -> BTreeSet<Unowned> {
    let mut found = BTreeSet::new();
    for run in runs.iter().filter(|run| !run.status.is_terminal()) {
        let id = &run.id;
        match (deadline(&run.state), run.wake_at) {
            (Some(due), None) => drop(found.insert(format!("{id} has no timer, due {due}"))),
            (Some(due), Some(at)) if at > due => {
                found.insert(format!("{id} is woken at {at}, due {due}"));
            }
            (_, Some(at)) if at + LATE_MS < holdings.now => {
                found.insert(format!("{id} was to be woken at {at}"));
            }
            _ => {}
        }
        for task in run.state.tasks() {
            if let Some(what) = problem(&format!("{id}:{}", task.task), &task, holdings) {
                found.insert(format!("{id}:{} under {}: {what}", task.task, task.state.epoch));
            }
        }
        let waits = |child: &ChildTask| matches!(child.phase, ChildPhase::Open { .. });
        let is_idle = run.status == Status::Running
            && !run.state.tasks().any(is_busy)
            && !run.state.children().any(waits);
        if is_idle && run.state.pending.is_empty() {
            found.insert(format!("{id} runs, and nothing is under way"));
        }
    }
    found
}

fn is_busy(task: TaskView<'_>) -> bool {
    !matches!(task.state.phase, Phase::DeadLettered | Phase::Interrupted)
}

fn deadline(state: &RunState) -> Option<i64> {
    state.wake_at().map(|at| at.0)
}

fn problem(name: &str, task: &TaskView<'_>, holdings: &Holdings) -> Option<String> {
    let attempt = (name.to_owned(), task.state.epoch);
    let holders = holdings.leases.get(&attempt).map_or(&[][..], Vec::as_slice);
    let queued = holdings.queued.contains(&attempt);
    match &task.state.phase {
        Phase::Dispatched { .. } | Phase::Started { .. } if holders.len() > 1 => {
            Some(format!("held by {holders:?}"))
        }
        Phase::Dispatched { .. } if holders.is_empty() && !queued => {
            Some("given out, not queued, held by nobody".to_owned())
        }
        Phase::Started { worker, .. } if holders.is_empty() => {
            Some(format!("started by {worker}, held by nobody"))
        }
        Phase::DeadLettered => {
            let letter = format!("{name}:{}", task.state.epoch);
            (!holdings.letters.contains(&letter)).then(|| "dead, and no letter".to_owned())
        }
        Phase::Interrupted => Some("interrupted in a run that goes on".to_owned()),
        _ => None,
    }
}
