//! The trial that runs, and what it has said so far.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use kintsugi_gateway_ops::types::ChaosTrial;
use kintsugi_runtime::{Shutdown, now};

use crate::child::End;

/// The status of a trial that is not over.
pub(crate) const RUNNING: &str = "running";

/// Lines that are kept, and characters of each.
const LINES_MAX: usize = 200;
const LINE_MAX: usize = 300;

/// The last lines that something said.
#[derive(Debug, Default)]
pub(crate) struct Said(Mutex<VecDeque<String>>);

impl Said {
    pub(crate) fn note(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line.chars().take(LINE_MAX).collect());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// A trial that runs.
pub(crate) struct Running {
    trial: ChaosTrial,
    pub(crate) said: Said,
    /// What it complained of.
    pub(crate) complaint: Said,
    /// Asks it to stop.
    pub(crate) stop: Shutdown,
    /// It is over, and so it is kept.
    pub(crate) over: Shutdown,
}

impl Running {
    pub(crate) fn new(trial: ChaosTrial) -> Self {
        let (stop, over) = (Shutdown::new(), Shutdown::new());
        Self { trial, said: Said::default(), complaint: Said::default(), stop, over }
    }

    pub(crate) fn id(&self) -> &str {
        &self.trial.id
    }

    /// As it is now.
    pub(crate) fn now(&self) -> ChaosTrial {
        ChaosTrial { said: Some(self.said.all()), ..self.trial.clone() }
    }

    /// As it is kept once it has come to an end; `report` is what it left.
    pub(crate) fn ended(&self, end: &End, report: Option<&[u8]>) -> ChaosTrial {
        let (verdict, said) = (report.map(crate::report::read), self.now());
        let (status, why, verdict) = match (end, verdict) {
            (End::Itself { well, .. }, Some(Ok(verdict))) => {
                let verdict = verdict.with(*well);
                ("completed", None, Some(verdict))
            }
            (End::Itself { .. }, Some(Err(error))) => {
                ("failed", Some(format!("its report cannot be read: {error}")), None)
            }
            (End::Itself { how, .. }, None) => {
                let complaint = self.complaint.all().pop();
                ("failed", Some(complaint.unwrap_or_else(|| how.clone())), None)
            }
            (End::Stopped, _) => ("stopped", None, None),
            (End::Overdue, _) => ("failed", Some("it did not end in time".to_owned()), None),
            (End::Gateway, _) => ("interrupted", Some("the gateway stopped".to_owned()), None),
        };
        let ended_at = Some(now().to_rfc3339());
        ChaosTrial { status: status.to_owned(), why, verdict, ended_at, ..said }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept_and_none_is_long() {
        let said = Said::default();
        for n in 0..LINES_MAX + 5 {
            said.note(&format!("{n} {}", "é".repeat(1_000)));
        }
        let all = said.all();
        assert_eq!((all.len(), all[0].starts_with("5 ")), (LINES_MAX, true));
        assert!(all.iter().all(|line| line.chars().count() == LINE_MAX));
    }
}
