//! What can be switched off, to see the checks find it. The engine has no such switches: all of
//! this is about the simulated store, broker and reconcilers.

use std::{fmt, str::FromStr};

/// A protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Results under an older epoch are refused: without it, each passes for one of the newest.
    Fencing,
    /// The store writes a run only on the version that the decision rests on, and each row of a
    /// history once.
    Version,
    /// The store takes a batch only from whoever owns its partitions.
    Epoch,
    /// The broker drops what it has under the same message id.
    MsgId,
    /// The failure detector's audit.
    Audit,
    /// The retry engine's scan.
    Scan,
    /// Who asks again asks under the name of before.
    RequestName,
    /// Whoever tells a run of a request tells it of all that wait, in order.
    Order,
    /// What is asked is kept before that is answered.
    Kept,
    /// What is answered is still open in the transaction that keeps the answer.
    OpenStill,
    /// One at a time grants permits.
    Lock,
    /// A permit is given back with the step that ends its task.
    PermitRow,
    /// Who was granted a permit and has not taken it is told again.
    Retell,
    /// What a run emits is kept until it is brought to whoever listens.
    Outbox,
    /// A published event has one id, however often it is published.
    EventId,
    /// A schedule is moved on only as it was when that was decided.
    Revision,
}

/// All of them, by name.
pub const ALL: [(&str, Protection); 16] = [
    ("fencing", Protection::Fencing),
    ("version", Protection::Version),
    ("epoch", Protection::Epoch),
    ("msg-id", Protection::MsgId),
    ("audit", Protection::Audit),
    ("scan", Protection::Scan),
    ("request-name", Protection::RequestName),
    ("order", Protection::Order),
    ("kept", Protection::Kept),
    ("open-still", Protection::OpenStill),
    ("lock", Protection::Lock),
    ("permit-row", Protection::PermitRow),
    ("retell", Protection::Retell),
    ("outbox", Protection::Outbox),
    ("event-id", Protection::EventId),
    ("revision", Protection::Revision),
];

impl FromStr for Protection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, protection)| *protection).ok_or_else(|| {
            let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
            format!("there is no protection `{text}`; there are {}", names.join(", "))
        })
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ALL.iter().find(|(_, of)| of == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

/// Those that are switched off.
#[derive(Clone, Debug, Default)]
pub struct Off(Vec<Protection>);

impl Off {
    /// These.
    #[must_use]
    pub fn these(all: &[Protection]) -> Self {
        Self(all.to_vec())
    }

    /// Whether this one is.
    #[must_use]
    pub fn has(&self, protection: Protection) -> bool {
        self.0.contains(&protection)
    }
}
