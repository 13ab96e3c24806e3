//! The same promises, judged of a running engine: one look at what is there, or one run.
//!
//! Values in, findings out. What is found is a suspicion: whoever asks decides how often the same
//! must be found to be a breach, and what to do about it.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::Program;
use kintsugi_definition::Expressions;
use kintsugi_entities::{LedgerLook, Recorded};
use kintsugi_nats::StreamState;

use crate::{Breaches, Checked, Error, Record, history, letters, tasks};

/// What is found of a stream that is mended already.
pub const REPLACED: &str = "was gone, and is another one";

/// Who looked: what one of these finds, only the same can find gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// [`seen`].
    Look,
    /// [`unarmed`].
    Timer,
    /// [`missing`].
    Letters,
    /// [`streams`].
    Streams,
    /// [`run`].
    Run,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Look, Self::Timer, Self::Letters, Self::Streams, Self::Run];

    /// Its name in ids.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Timer => "timer",
            Self::Letters => "letters",
            Self::Streams => "streams",
            Self::Run => "run",
        }
    }
}

/// Something that should not be so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The promise's number.
    pub promise: u8,
    /// Who found it.
    pub by: By,
    /// What it is about: a run, `run:task:epoch`, a stream, a partition, a setting.
    pub subject: String,
    /// What was found.
    pub what: String,
    /// It is so, whatever another look says.
    pub certain: bool,
}

impl Finding {
    /// A finding.
    pub fn new(
        (promise, by): (u8, By),
        subject: impl Into<String>,
        what: impl Into<String>,
    ) -> Self {
        Self { promise, by, subject: subject.into(), what: what.into(), certain: false }
    }

    /// The same of what was read at one moment from one place, and needs no second look.
    #[must_use]
    pub fn certainly(self) -> Self {
        Self { certain: true, ..self }
    }

    /// The run that it is about, where it is about one.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        let is_of_run = self.by != By::Streams && (self.by != By::Look || self.promise != 9);
        self.subject.split(':').next().filter(|_| is_of_run)
    }
}

/// What indexes alone tell: P1 (accepted and not begun), P2 (a deadline that passed unheard), P6 (a
/// letter that is not in its stream) and P9 (the database keeps what it acknowledges, and no
/// partition's epoch falls below `epochs`, which takes up what it sees).
#[must_use]
pub fn seen(look: &LedgerLook, epochs: &mut BTreeMap<String, i64>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (run, at) in &look.pending {
        found.push(Finding::new(
            (1, By::Look),
            run.as_str(),
            format!("accepted at {at}, and did not begin"),
        ));
    }
    for (run, at) in &look.late {
        found.push(Finding::new(
            (2, By::Look),
            run.as_str(),
            format!("due at {at}, and nobody told it"),
        ));
    }
    for (letter, at) in &look.unpublished {
        found.push(Finding::new(
            (6, By::Look),
            letter,
            format!("dead since {at}, and not in the stream"),
        ));
    }
    for (partition, epoch) in &look.partitions {
        let before = epochs.entry(partition.clone()).or_insert(*epoch);
        if epoch < before {
            let subject = format!("partition {partition}");
            found.push(Finding::new(
                (9, By::Look),
                subject,
                format!("its epoch fell from {before} to {epoch}"),
            ));
        }
        *before = (*before).max(*epoch);
    }
    for (name, value) in &look.settings {
        let keeps = match name.as_str() {
            // FULL or EXTRA; anything less may lose what was committed.
            "synchronous" => ["2", "3"].contains(&value.as_str()),
            "journal_mode" => value == "wal",
            _ => value != "off",
        };
        if !keeps {
            let what = format!("the database has {name} = {value}, and may lose what it took");
            found.push(Finding::new((9, By::Look), name, what));
        }
    }
    found
}

/// An open run without a deadline, whose state says that it has one (P2), with that deadline.
#[must_use]
pub fn unarmed(record: &Record) -> Option<(Finding, i64)> {
    let due = record.state.wake_at().filter(|_| record.wake_at.is_none())?;
    let what = format!("due at {}, and without a timer", due.0);
    Some((Finding::new((2, By::Timer), record.id.as_str(), what).certainly(), due.0))
}

/// Streams that are not there, are others than `made` says, are left over or have other settings (P8); `made`
/// takes up what is there.
#[must_use]
pub fn streams(
    found: &[(StreamState, Vec<String>)],
    made: &mut BTreeMap<String, String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (stream, others) in found {
        let name = &stream.name;
        let Some(created) = &stream.created else {
            findings.push(Finding::new((8, By::Streams), name, "is not there"));
            continue;
        };
        let before = made.insert(name.clone(), created.clone());
        if before.is_some_and(|before| before != *created) {
            let lost = Finding::new((8, By::Streams), name, REPLACED);
            findings.push(lost.certainly());
        }
        if stream.is_left_over {
            let what = "has what was left of the one before, and may store nothing";
            findings.push(Finding::new((8, By::Streams), name, what).certainly());
        }
        if !others.is_empty() {
            let what = format!("has other settings: {}", others.join(", "));
            findings.push(Finding::new((8, By::Streams), name, what).certainly());
        }
    }
    findings
}

/// Letters of the table that the stream does not hold (P6): `published` are those that are noted as
/// published, `held` is what the stream holds.
#[must_use]
pub fn missing(published: &BTreeSet<String>, held: &BTreeSet<String>) -> Vec<Finding> {
    let gone = published.difference(held);
    gone.map(|id| Finding::new((6, By::Letters), id, "published, and not in the stream")).collect()
}

/// One run, of one moment: P3, P4, P5, P6 and P7.
///
/// # Errors
///
/// When what is stored of it cannot be read.
pub fn run(
    recorded: &Recorded,
    (program, expressions): &(Program, Expressions),
) -> Result<Vec<Finding>, Error> {
    let Some(history) = &recorded.history else { return Ok(Vec::new()) };
    let mut record = Record::stored(recorded)?;
    for (seq, steps) in history {
        let what = format!("row {seq} of the history of {}", recorded.id);
        let steps = serde_json::from_slice(steps).map_err(Error::unreadable(&what))?;
        record.rows.push((*seq, steps));
    }
    let (mut checked, mut breaches) = (Checked::default(), Breaches::default());
    history::check(&record, program, expressions, &mut breaches);
    tasks::check(&record, program, &mut checked, &mut breaches);
    let mut found: Vec<Finding> = breaches
        .0
        .into_iter()
        .map(|breach| Finding::new((breach.promise, By::Run), recorded.id.as_str(), breach.what))
        .collect();
    let told: BTreeSet<String> = letters::of(&record).into_iter().map(|(id, _)| id).collect();
    let table: BTreeSet<String> = recorded.letters.iter().cloned().collect();
    let exhausted = told.difference(&table).map(|id| (id, "exhausted, and not in the table"));
    let unknown = table.difference(&told).map(|id| (id, "in the table, and not exhausted"));
    found.extend(exhausted.chain(unknown).map(|(id, what)| Finding::new((6, By::Run), id, what)));
    Ok(found)
}
