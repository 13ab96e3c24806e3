//! Whether tasks whose publishing failed are published once more.

use kintsugi_core::Timestamp;

/// How long after the decision tasks may still be published; then they are left to the checks of
/// their runs (promise P2): the others must not wait for ever for a broker that is gone. What is
/// tried again within this time is a repeat that the stream still knows (120 s), unless it lost its
/// memory ([`kintsugi_nats::Bus::memory`]).
const PATIENCE_MS: u64 = 20_000;

/// The tasks of one batch, on their way to the broker.
#[derive(Debug)]
pub struct Sending {
    decided_at: Timestamp,
    /// Whether some may be stored, and executed, already.
    tried: bool,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// Publish them.
    Publish,
    /// Wait a moment: the broker does not answer.
    Wait,
    /// It took too long: ask after them.
    Late,
    /// The broker forgot what it had, and would take a repeat for new: ask after them.
    Forgotten,
}

impl Sending {
    /// Tasks of a decision that was made then.
    #[must_use]
    pub fn new(decided_at: Timestamp) -> Self {
        Self { decided_at, tried: false }
    }

    fn is_late(&self, now: Timestamp) -> bool {
        now.since(self.decided_at) > PATIENCE_MS
    }

    /// Whether [`Sending::next`] must be told what the broker knows repeats by.
    #[must_use]
    pub fn must_know(&self) -> bool {
        self.tried
    }

    /// What to do at `now`. `known` is by what the broker knows repeats now, none where it does not
    /// say; `memory` is the same as of when they were decided, and is brought up to date.
    pub fn next(
        &self,
        now: Timestamp,
        connected: bool,
        known: Option<String>,
        memory: &mut String,
    ) -> Try {
        match known {
            _ if self.is_late(now) => Try::Late,
            Some(known) if self.tried && known != *memory => {
                *memory = known;
                Try::Forgotten
            }
            None if self.tried => Try::Wait,
            _ if connected => Try::Publish,
            _ => Try::Wait,
        }
    }

    /// They were published, and it is not known which of them the broker has.
    pub fn failed(&mut self) {
        self.tried = true;
    }
}
