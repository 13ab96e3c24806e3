//! Rows of events: who listens, what is on its way to a run, what is to be published.

use kintsugi_core::RunId;

/// A listen that is open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListenerRow {
    /// The run.
    pub run: RunId,
    /// Number of the task.
    pub task: u64,
    /// The type of the events that it may take; none: any.
    pub kind: Option<String>,
}

/// An event on its way to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRow {
    /// The run.
    pub run: RunId,
    /// Names the event: a repeat has the same.
    pub key: String,
    /// Orders the events of a run: nanoseconds since the Unix epoch, as far as clocks go.
    pub place: i64,
    /// When it came.
    pub at: i64,
    /// It was sent to this run, rather than published.
    pub directed: bool,
    /// JSON of the event.
    pub event: Vec<u8>,
}

/// Events that wait to be told to some runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailWaiting {
    /// The events, those of a run in order.
    pub rows: Vec<MailRow>,
    /// Runs for which there are more.
    pub more: Vec<RunId>,
}

/// What lies in an inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailStanding {
    /// Events that the run was not told of, or has not taken.
    pub waiting: u64,
    /// When the oldest of those came.
    pub since: Option<i64>,
    /// Events that wait for a listen.
    pub parked: u64,
}

/// What became of an event that was sent to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It is kept for the run.
    New,
    /// It is kept already.
    Known,
    /// The run keeps as many as it may, or as many bytes.
    Full,
}

/// How much a run keeps of events that it has not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailLimit {
    /// How many.
    pub count: u32,
    /// How many bytes of JSON.
    pub bytes: u64,
}

impl Default for MailLimit {
    /// A thousand events and 8 MiB: what is never taken must not pile up.
    fn default() -> Self {
        Self { count: 1_000, bytes: 8 << 20 }
    }
}

/// An event that is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Names the event: a repeat has the same.
    pub key: String,
    /// The run that made it.
    pub run: RunId,
    /// Its type.
    pub kind: String,
    /// When it was made.
    pub at: i64,
    /// JSON of the event.
    pub event: Vec<u8>,
}

/// What a batch does to events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailBatch {
    /// Listens that opened.
    pub listen: Vec<ListenerRow>,
    /// Listens that are over: run and number of the task.
    pub unlisten: Vec<(RunId, u64)>,
    /// Events that were taken, or that nobody will take: run and key.
    pub taken: Vec<(RunId, String)>,
    /// Events that wait for a listen: run and key.
    pub parked: Vec<(RunId, String)>,
    /// Runs whose parked events are to be told again.
    pub offered: Vec<RunId>,
    /// Events to publish.
    pub outbox: Vec<OutboxRow>,
}

impl MailBatch {
    /// Whether it does nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// What waits for longer than it should.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overdue {
    /// Runs with events that nobody parked.
    pub runs: Vec<RunId>,
    /// Keys of events that were to be published.
    pub sent: Vec<String>,
    /// Requests that may not have reached their runs.
    pub requests: Vec<String>,
}

/// Something that was asked of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    /// Names what is asked: the same again changes nothing.
    pub id: String,
    /// The run.
    pub run: RunId,
    /// The dead letter to be redriven, or the human task to be answered; none: the run is to be
    /// cancelled.
    pub about: Option<String>,
    /// When it was asked.
    pub at: i64,
    /// JSON of what the run's machine is told.
    pub input: Vec<u8>,
}
