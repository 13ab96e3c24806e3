//! What can be done to an engine, and which shape can have it done.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::Serialize;

/// The two shapes of an engine that is started for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// `kintsugi dev`: one process, `SQLite`, a nats-server child, workers as processes.
    Dev,
    /// A process per service, two orchestrators, two workers, Postgres, nats-server.
    Services,
}

impl Shape {
    /// Its name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Services => "services",
        }
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::Dev, Self::Services].into_iter().find(|shape| shape.name() == text);
        found.ok_or_else(|| format!("there is no shape {text:?}; there are dev, services"))
    }
}

/// The name of a process, as in `kill gateway`.
pub type Process = &'static str;

/// The broker, where a process is frozen.
pub const BROKER: Process = "broker";
/// The database, where a process is frozen.
pub const DATABASE: Process = "database";

/// Workers whose executions stand in a ledger outside of the engine.
pub const LEDGERS: [Process; 2] = ["ledger-1", "ledger-2"];

/// One fault. `ms` is how long it lasts, in milliseconds, before it is healed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "what the fields are is said of each fault")]
pub enum Fault {
    /// SIGKILL; a new process takes its place at once.
    Kill { process: Process },
    /// SIGKILL of everything at once, broker and database too; all are started again.
    KillAll,
    /// SIGSTOP, and later SIGCONT.
    Freeze { process: Process, ms: u64 },
    /// SIGKILL of the broker; it is started again on the same data.
    RestartBroker,
    /// SIGKILL of the database; it is started again on the same data.
    RestartDatabase,
    /// One stream is deleted under the running engine.
    DeleteStream { stream: &'static str },
    /// Every stream is deleted under the running engine.
    DeleteAllStreams,
    /// Nothing gets through between a process and the broker, and neither is told.
    CutBroker { process: Process, ms: u64 },
    /// The same between a process and the database.
    CutDatabase { process: Process, ms: u64 },
    /// Everything between a process and the broker takes `by_ms` longer, in each direction.
    SlowBroker { process: Process, by_ms: u64, ms: u64 },
    /// The same between a process and the database.
    SlowDatabase { process: Process, by_ms: u64, ms: u64 },
    /// Each `one_in`-th message that a process publishes to a stream is in there twice.
    Duplicate { process: Process, one_in: u64, ms: u64 },
    /// Each `one_in`-th message between a process and the broker is lost.
    Drop { process: Process, one_in: u64, ms: u64 },
    /// Each `one_in`-th message that a process publishes to a stream comes `by_ms` later, after others.
    Delay { process: Process, one_in: u64, by_ms: u64, ms: u64 },
    /// The broker's disk quota is full.
    FillQuota { ms: u64 },
    /// A process's clock is `by_s` seconds ahead (or behind, below zero).
    Clock { process: Process, by_s: i64, ms: u64 },
}

/// A fault without its particulars, as in `--faults kill,freeze`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "they are those of `Fault`")]
pub enum Kind {
    Kill,
    KillAll,
    Freeze,
    RestartBroker,
    RestartDatabase,
    DeleteStream,
    DeleteAllStreams,
    CutBroker,
    CutDatabase,
    SlowBroker,
    SlowDatabase,
    Duplicate,
    Drop,
    Delay,
    FillQuota,
    Clock,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Kill,
        Self::KillAll,
        Self::Freeze,
        Self::RestartBroker,
        Self::RestartDatabase,
        Self::DeleteStream,
        Self::DeleteAllStreams,
        Self::CutBroker,
        Self::CutDatabase,
        Self::SlowBroker,
        Self::SlowDatabase,
        Self::Duplicate,
        Self::Drop,
        Self::Delay,
        Self::FillQuota,
        Self::Clock,
    ];

    /// Its name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::KillAll => "kill-all",
            Self::Freeze => "freeze",
            Self::RestartBroker => "restart-broker",
            Self::RestartDatabase => "restart-database",
            Self::DeleteStream => "delete-stream",
            Self::DeleteAllStreams => "delete-all-streams",
            Self::CutBroker => "cut-broker",
            Self::CutDatabase => "cut-database",
            Self::SlowBroker => "slow-broker",
            Self::SlowDatabase => "slow-database",
            Self::Duplicate => "duplicate",
            Self::Drop => "drop",
            Self::Delay => "delay",
            Self::FillQuota => "fill-quota",
            Self::Clock => "clock",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|kind| kind.name()).collect();
            format!("there is no fault {text:?}; there are {}", all.join(", "))
        })
    }
}

impl Fault {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Kill { .. } => Kind::Kill,
            Self::KillAll => Kind::KillAll,
            Self::Freeze { .. } => Kind::Freeze,
            Self::RestartBroker => Kind::RestartBroker,
            Self::RestartDatabase => Kind::RestartDatabase,
            Self::DeleteStream { .. } => Kind::DeleteStream,
            Self::DeleteAllStreams => Kind::DeleteAllStreams,
            Self::CutBroker { .. } => Kind::CutBroker,
            Self::CutDatabase { .. } => Kind::CutDatabase,
            Self::SlowBroker { .. } => Kind::SlowBroker,
            Self::SlowDatabase { .. } => Kind::SlowDatabase,
            Self::Duplicate { .. } => Kind::Duplicate,
            Self::Drop { .. } => Kind::Drop,
            Self::Delay { .. } => Kind::Delay,
            Self::FillQuota { .. } => Kind::FillQuota,
            Self::Clock { .. } => Kind::Clock,
        }
    }

    /// How long it lasts, in milliseconds; 0: it is over at once.
    #[must_use]
    pub fn lasts_ms(&self) -> u64 {
        match *self {
            Self::Freeze { ms, .. }
            | Self::CutBroker { ms, .. }
            | Self::CutDatabase { ms, .. }
            | Self::SlowBroker { ms, .. }
            | Self::SlowDatabase { ms, .. }
            | Self::Duplicate { ms, .. }
            | Self::Drop { ms, .. }
            | Self::Delay { ms, .. }
            | Self::FillQuota { ms }
            | Self::Clock { ms, .. } => ms,
            _ => 0,
        }
    }

    /// Whether it destroys what answers may rest on: those are waited for first.
    #[must_use]
    pub fn destroys(&self) -> bool {
        matches!(self, Self::DeleteStream { .. } | Self::DeleteAllStreams)
    }

    /// Whether nothing else may be broken at its begin and its end, since the broker is asked to do it.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        self.destroys() || matches!(self, Self::FillQuota { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Kill { process } => write!(f, "{kind} {process}"),
            Self::Freeze { process, ms }
            | Self::CutBroker { process, ms }
            | Self::CutDatabase { process, ms } => write!(f, "{kind} {process} for {ms} ms"),
            Self::DeleteStream { stream } => write!(f, "{kind} {stream}"),
            Self::SlowBroker { process, by_ms, ms } | Self::SlowDatabase { process, by_ms, ms } => {
                write!(f, "{kind} {process} by {by_ms} ms for {ms} ms")
            }
            Self::Duplicate { process, one_in, ms } | Self::Drop { process, one_in, ms } => {
                write!(f, "{kind} one in {one_in} of {process} for {ms} ms")
            }
            Self::Delay { process, one_in, by_ms, ms } => {
                write!(f, "{kind} one in {one_in} of {process} by {by_ms} ms for {ms} ms")
            }
            Self::FillQuota { ms } => write!(f, "{kind} for {ms} ms"),
            Self::Clock { process, by_s, ms } => {
                write!(f, "{kind} {process} by {by_s:+} s for {ms} ms")
            }
            _ => write!(f, "{kind}"),
        }
    }
}

/// The kinds that are wanted: all that can be had where none is named.
///
/// # Errors
///
/// When one is named that cannot be had: the text says why.
pub fn wanted(named: &[Kind], scope: &crate::Scope) -> Result<BTreeSet<Kind>, String> {
    for kind in named {
        if let Some(why) = scope.refuses(*kind) {
            return Err(format!("{kind} cannot be done here: {why}"));
        }
    }
    let all = if named.is_empty() { &Kind::ALL[..] } else { named };
    Ok(all.iter().copied().filter(|kind| scope.refuses(*kind).is_none()).collect())
}
