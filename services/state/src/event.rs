//! What the machine notes.

use serde::{Deserialize, Serialize};

use crate::{ChildEvent, Error, LossCause, SteerEvent, Timestamp};

/// A fact in a run's history. Payloads stand in the inputs beside it ([`Step`](crate::Step)), never twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run began.
    RunStarted,
    /// The run ended with an output.
    RunCompleted,
    /// The run ended with an error.
    RunFaulted {
        /// The error that nothing caught.
        error: Error,
    },
    /// Someone wants the run to end, and it tidies up first.
    RunCancelling {
        /// Why.
        reason: Option<String>,
    },
    /// The run was cancelled.
    RunCancelled {
        /// Why.
        reason: Option<String>,
    },
    /// A task that the engine does by itself began or was passed.
    TaskEntered {
        /// JSON pointer of the task.
        pointer: String,
    },
    /// Such a task is done.
    TaskLeft {
        /// JSON pointer of the task.
        pointer: String,
    },
    /// A task's `if` did not hold.
    TaskSkipped {
        /// JSON pointer of the task.
        pointer: String,
    },
    /// A task waits for its permit.
    TaskQueued {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
        /// The task type.
        task_type: String,
        /// The queue.
        queue: String,
        /// What it shares the bound with.
        key: String,
        /// How many with this key have a permit at a time.
        limit: u32,
    },
    /// An attempt was given out.
    TaskDispatched {
        /// Number of the task.
        task: u64,
        /// Its epoch, which is the number of the attempt too.
        epoch: u64,
        /// JSON pointer of the task.
        pointer: String,
        /// The task type.
        task_type: String,
        /// The queue.
        queue: String,
    },
    /// An attempt is being executed.
    TaskStarted {
        /// Number of the task.
        task: u64,
        /// Its epoch.
        epoch: u64,
        /// By whom.
        worker: String,
    },
    /// A task is done.
    TaskCompleted {
        /// Number of the task.
        task: u64,
        /// Its epoch.
        epoch: u64,
        /// By whom.
        worker: String,
    },
    /// An attempt failed.
    TaskFailed {
        /// Number of the task.
        task: u64,
        /// Its epoch.
        epoch: u64,
        /// Why.
        error: Error,
    },
    /// An attempt took longer than it may.
    TaskTimedOut {
        /// Number of the task.
        task: u64,
        /// Its epoch.
        epoch: u64,
    },
    /// An attempt was lost: here is the break.
    TaskLost {
        /// Number of the task.
        task: u64,
        /// The epoch that is lost.
        epoch: u64,
        /// What happened.
        cause: LossCause,
        /// Who held it.
        worker: Option<String>,
        /// When it was seen.
        seen_at: Timestamp,
    },
    /// An attempt was put off, since what the task calls is left alone; the reason stands in the input. It
    /// counts for nothing.
    TaskDeferred {
        /// Number of the task.
        task: u64,
        /// Its epoch.
        epoch: u64,
        /// When the next one is given out.
        until: Timestamp,
        /// Who put it off.
        worker: String,
    },
    /// Another attempt follows.
    RetryScheduled {
        /// Number of the task.
        task: u64,
        /// When.
        at: Timestamp,
        /// How many attempts have failed so far.
        failures: u32,
    },
    /// The task exhausted its policy, or is kept away from workers.
    TaskDeadLettered {
        /// Number of the task.
        task: u64,
        /// The last epoch.
        epoch: u64,
        /// The last error.
        error: Error,
        /// It killed workers, and is kept away from them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        quarantined: bool,
    },
    /// A dead-lettered task was given new attempts.
    TaskRedriven {
        /// Number of the task.
        task: u64,
        /// Whether its input was replaced.
        edited: bool,
    },
    /// An attempt is no longer wanted.
    TaskCancelled {
        /// Number of the task.
        task: u64,
        /// Its epoch.
        epoch: u64,
    },
    /// A result of an older epoch came, or the word that it is given up, and was refused (promise P4).
    ResultRefused {
        /// Number of the task.
        task: u64,
        /// The epoch that it came under.
        epoch: u64,
        /// The epoch that counts.
        current: u64,
        /// Who sent it.
        worker: Option<String>,
    },
    /// A wait began.
    TimerStarted {
        /// JSON pointer of the task.
        pointer: String,
        /// When it is due.
        due_at: Timestamp,
    },
    /// A wait is over.
    TimerFired {
        /// JSON pointer of the task.
        pointer: String,
    },
    /// A listen opened, or goes on after a fault.
    ListenStarted {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
    },
    /// A listen is over, or was interrupted.
    ListenEnded {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
        /// How many events it consumed.
        count: u64,
    },
    /// A listen took an event; the event stands in the input.
    EventReceived {
        /// Number of the task.
        task: u64,
        /// The event's id.
        id: String,
        /// Its source.
        source: String,
        /// Its type.
        #[serde(rename = "type")]
        kind: String,
    },
    /// The run published an event.
    EventEmitted {
        /// JSON pointer of the task.
        pointer: String,
        /// The event's id.
        id: String,
        /// Its type.
        #[serde(rename = "type")]
        kind: String,
    },
    /// A `try` caught an error.
    ErrorCaught {
        /// JSON pointer of the `try`.
        pointer: String,
        /// The error.
        error: Error,
        /// When it tries again; none: its handler runs.
        retry_at: Option<Timestamp>,
    },
    /// A person is asked to do a task, or asked again after a fault.
    HumanTaskAsked {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
        /// What is to be done, in a few words.
        title: String,
        /// Whose task it is; empty: anyone's.
        assignees: Vec<String>,
    },
    /// Such a task is due, and given to others where the definition says so.
    HumanTaskDue {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
        /// What is to be done, in a few words.
        title: String,
        /// Whose it is from now on.
        assignees: Vec<String>,
    },
    /// A person answered; the answer stands in the input.
    HumanTaskAnswered {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
        /// Who.
        by: Option<String>,
    },
    /// An answer is no longer wanted.
    HumanTaskWithdrawn {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
    },
    /// About a run that this one started.
    Child(ChildEvent),
    /// A person asked something of it.
    Steered(SteerEvent),
}
