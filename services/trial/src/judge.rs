//! From all that is known to a verdict; values in, a value out.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_promises::{Answers, Book, Breach, Breaches, Execution, Ledger, Record, check};

use crate::{
    count::counted,
    definitions::{NAMESPACE, fits, name},
    verdict::Verdict,
};

/// Which runs belong to windows before: those with a number below this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earlier(pub u64);

impl Earlier {
    /// Whether a run, or the run that it comes from, was started in a window before.
    #[must_use]
    pub fn has(self, run: &str) -> bool {
        let number = root(run).rsplit_once('-').and_then(|(_, number)| number.parse::<u64>().ok());
        number.is_some_and(|number| number < self.0)
    }
}

/// The run that a child comes from; children are named `parent__task`.
fn root(run: &str) -> &str {
    run.split_once("__").map_or(run, |(root, _)| root)
}

/// All that is known once nothing moves any more.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What is stored.
    pub book: Book,
    /// What was answered.
    pub answers: Answers,
    /// What the workers wrote in this window.
    pub ledger: Ledger,
    /// What they wrote in the window before.
    pub before: Ledger,
    /// Which runs are of windows before.
    pub earlier: Earlier,
    /// Runs that wait for something, and what that is.
    pub waiting: BTreeMap<String, String>,
    /// Answers that nobody should give.
    pub odd: Vec<String>,
}

impl Seen {
    /// Holds everything against everything.
    #[must_use]
    pub fn judge(&self) -> Verdict {
        let (checked, mut breaches) = check(&self.book);
        let mut answers = self.answers.clone();
        answers.accepted.retain(|id| !self.waits(id));
        answers.check(&self.book, &mut breaches);
        let mut verdict = Verdict {
            accepted: self.answers.accepted.len(),
            attempts: checked.attempts,
            taken_over: checked.lost,
            refused: checked.refused,
            dead_letters: checked.dead,
            ..Verdict::default()
        };
        self.executions(&mut verdict, &mut breaches);
        for record in self.book.runs.values() {
            self.run(record, &mut verdict, &mut breaches);
        }
        let odd = self.odd.iter().map(|what| Breach { promise: 0, what: what.clone() });
        breaches.0.extend(odd);
        verdict.results_twice += self.shown_otherwise();
        let of = |promise| breaches.0.iter().filter(|breach| breach.promise == promise).count();
        (verdict.lost, verdict.over_policy) = (of(1), of(5));
        verdict.take(breaches.0);
        verdict
    }

    /// Whether a run has not ended, and says what it waits for.
    fn waits(&self, id: &str) -> bool {
        let open = self.book.runs.get(id).is_some_and(|record| !record.status.is_terminal());
        open && self.waiting.contains_key(id)
    }

    fn run(&self, record: &Record, verdict: &mut Verdict, breaches: &mut Breaches) {
        let (id, status) = (record.id.as_str(), record.status);
        let by_status = verdict.definitions.entry(record.definition.clone()).or_default();
        *by_status.entry(status.as_str().to_owned()).or_default() += 1;
        let counted = counted(record);
        verdict.results_twice += counted.results_twice;
        verdict.both += counted.both;
        verdict.redriven += counted.redriven;
        let Some(ours) = record.definition.strip_prefix(NAMESPACE) else { return };
        let output = record.state.output.as_ref();
        if ours.starts_with('/') && !fits(name(&record.definition), root(id), status, output) {
            verdict.wrong += 1;
            let error = &record.state.error;
            let what = format!("{id} ended {status:?} with {output:?}, {error:?}");
            breaches.0.push(Breach { promise: 0, what });
        }
    }

    /// Runs whose result was shown, and is another one now.
    fn shown_otherwise(&self) -> usize {
        let other = |(id, output): &(&String, &serde_json::Value)| {
            let record = self.book.runs.get(*id);
            record.is_some_and(|record| record.state.output.as_ref() != Some(*output))
        };
        self.answers.completed.iter().filter(other).count()
    }

    /// What the workers wrote. What a process that was frozen adds to a window before is only looked at
    /// for being done twice: its run is gone.
    fn executions(&self, verdict: &mut Verdict, breaches: &mut Breaches) {
        let is_gone = |line: &&Execution| {
            let run = line.task.rsplit_once(':').map_or("", |(run, _)| run);
            !self.book.runs.contains_key(run) && self.earlier.has(run)
        };
        let (late, now): (Vec<_>, Vec<_>) = self.ledger.0.iter().partition(is_gone);
        let own = Ledger(now.into_iter().cloned().collect());
        own.check(&self.book, breaches);
        verdict.executions = own.begun();
        let mut tasks = BTreeMap::<&str, BTreeSet<u64>>::new();
        let mut begun = BTreeMap::<(&str, u64), usize>::new();
        for line in self.ledger.0.iter().filter(|line| line.token.is_none()) {
            tasks.entry(&line.task).or_default().insert(line.epoch);
            *begun.entry((&line.task, line.epoch)).or_default() += 1;
        }
        let late: BTreeSet<_> = late.into_iter().map(|line| (&*line.task, line.epoch)).collect();
        for line in self.before.0.iter().filter(|line| line.token.is_none()) {
            if late.contains(&(&*line.task, line.epoch)) {
                *begun.entry((&line.task, line.epoch)).or_default() += 1;
            }
        }
        for ((task, epoch), _) in
            begun.iter().filter(|(key, times)| late.contains(*key) && **times > 1)
        {
            let what = format!("{task} was executed twice under {epoch}, once in a window before");
            breaches.0.push(Breach { promise: 4, what });
        }
        verdict.run_twice = begun.values().map(|times| times - 1).sum();
        verdict.run_again = tasks.values().filter(|epochs| epochs.len() > 1).count();
    }
}
