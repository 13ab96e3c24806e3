//! What workers wrote down themselves, held against the histories (P3, P4): a file that each
//! execution is appended to when it begins and when it is done, outside the engine.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::Path,
};

use kintsugi_core::{Event, Input, TaskKey};
use serde::{Deserialize, Serialize};

use crate::{Book, Breaches, Error};

/// The task type of the workers that keep a ledger.
const TASK_TYPE: &str = "ledger";

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// The task: `run:number`.
    pub task: String,
    /// The epoch that the worker was given.
    pub epoch: u64,
    /// The idempotency key that it was given.
    pub key: String,
    /// The worker's process.
    pub pid: u32,
    /// What it gave; none: it began.
    pub token: Option<String>,
}

impl Execution {
    /// Appends it to a file, in one write: a worker that is killed leaves whole lines.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn append(&self, file: &Path) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        std::fs::File::options().create(true).append(true).open(file)?.write_all(&line)
    }
}

/// All lines.
#[derive(Clone, Debug, Default)]
pub struct Ledger(pub Vec<Execution>);

impl Ledger {
    /// Reads a file; one that is not there is empty.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or a line of it is none.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.map_err(|source| Error::Ledger { file: file.to_owned(), source })?,
        };
        let line = |line| serde_json::from_str(line).map_err(Error::unreadable("the ledger"));
        Ok(Self(text.lines().map(line).collect::<Result<_, _>>()?))
    }

    /// Executions that began.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.0.iter().filter(|line| line.token.is_none()).count()
    }

    /// Holds the ledger against the histories.
    pub fn check(&self, book: &Book, breaches: &mut Breaches) {
        let given = given_out(book);
        let mut begun = BTreeSet::new();
        let mut done = BTreeMap::new();
        for line in &self.0 {
            let (task, epoch) = (&line.task, line.epoch);
            let attempt = (task.as_str(), epoch);
            breaches.unless(line.key == *task, 4, || {
                format!("{task} under {epoch} had the idempotency key {}", line.key)
            });
            match &line.token {
                None => {
                    let first = begun.insert(attempt);
                    breaches
                        .unless(first, 4, || format!("{task} was executed twice under {epoch}"));
                    let known = TaskKey::parse(task)
                        .is_ok_and(|key| given.contains(&(key.run.to_string(), key.task, epoch)));
                    breaches.unless(known, 4, || {
                        format!("{task} was executed under {epoch}, which was never given out")
                    });
                }
                Some(token) => {
                    let known = begun.contains(&attempt);
                    breaches.unless(known, 3, || format!("{task} under {epoch} has no beginning"));
                    done.insert(attempt, token.as_str());
                }
            }
        }
        results(book, &done, breaches);
    }
}

/// Every attempt of the ledger's type: run, task, epoch.
fn given_out(book: &Book) -> BTreeSet<(String, u64, u64)> {
    let mut all = BTreeSet::new();
    for (id, record) in &book.runs {
        for event in record.steps().flat_map(|step| &step.events) {
            match event {
                Event::TaskDispatched { task, epoch, task_type, .. } if task_type == TASK_TYPE => {
                    all.insert((id.clone(), *task, *epoch));
                }
                _ => {}
            }
        }
    }
    all
}

/// A result that counts is one that some worker wrote down under that epoch.
fn results(book: &Book, done: &BTreeMap<(&str, u64), &str>, breaches: &mut Breaches) {
    let given = given_out(book);
    for (id, record) in &book.runs {
        for step in record.steps() {
            let Input::Completed { task, epoch, output, .. } = &step.input else { continue };
            let counts = step
                .events
                .iter()
                .any(|event| matches!(event, Event::TaskCompleted { task: of, .. } if of == task));
            if !counts || !given.contains(&(id.clone(), *task, *epoch)) {
                continue;
            }
            let key = format!("{id}:{task}");
            let told = done.get(&(key.as_str(), *epoch)).copied();
            breaches.unless(told.is_some() && told == output["token"].as_str(), 3, || {
                format!("{key} counts {output} of epoch {epoch}, its worker wrote {told:?}")
            });
        }
    }
}
