//! How attempts get lost.

use serde::{Deserialize, Serialize};

/// Why an attempt will give no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossCause {
    /// The worker's process is gone: no heartbeat, and nobody answers for it.
    WorkerDead,
    /// The worker is connected, but neither sends heartbeats nor answers.
    WorkerFrozen,
    /// The worker stopped holding the lease without giving a result, or stopped in good order.
    LeaseDropped,
    /// The broker delivered the message again: nobody acked it in time.
    Redelivered,
    /// The broker gave up delivering it.
    Undeliverable,
    /// The message is in no stream, and no worker holds the task.
    MessageLost,
    /// The message is older than the broker's process, which may have forgotten that it delivered it.
    BrokerRestarted,
}

impl LossCause {
    /// Whether an execution may have ended with the loss: then it counts against `crashes_max`.
    #[must_use]
    pub fn is_crash(self) -> bool {
        matches!(self, Self::WorkerDead | Self::WorkerFrozen | Self::Redelivered)
    }

    /// As it is written on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WorkerDead => "worker_dead",
            Self::WorkerFrozen => "worker_frozen",
            Self::LeaseDropped => "lease_dropped",
            Self::Redelivered => "redelivered",
            Self::Undeliverable => "undeliverable",
            Self::MessageLost => "message_lost",
            Self::BrokerRestarted => "broker_restarted",
        }
    }
}
