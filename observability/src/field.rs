//! The names of fields and attributes: the same thing has the same name in every log line, span
//! and resource. What OpenTelemetry has a name for bears that name (semantic conventions 1.44).

/// The id of a run.
pub const RUN_ID: &str = "kintsugi.run.id";
/// The id of a run that a run started.
pub const CHILD_RUN_ID: &str = "kintsugi.child.run.id";
/// Where a run stands: a status of the specification.
pub const RUN_STATUS: &str = "kintsugi.run.status";
/// The definition that a run executes, `namespace/name:version`.
pub const DEFINITION: &str = "kintsugi.definition";
/// A task, `run:number`.
pub const TASK_ID: &str = "kintsugi.task.id";
/// JSON pointer of a task in its definition.
pub const TASK_POINTER: &str = "kintsugi.task.pointer";
/// The type of a task.
pub const TASK_TYPE: &str = "kintsugi.task.type";
/// The queue of a task.
pub const TASK_QUEUE: &str = "kintsugi.task.queue";
/// The epoch of an attempt: its number and its fencing token.
pub const TASK_EPOCH: &str = "kintsugi.task.epoch";
/// The epoch that counts, where an older one was refused.
pub const TASK_EPOCH_CURRENT: &str = "kintsugi.task.epoch_current";
/// How many attempts of a task have failed.
pub const TASK_FAILURES: &str = "kintsugi.task.failures";
/// How an attempt ended.
pub const ATTEMPT_OUTCOME: &str = "kintsugi.attempt.outcome";
/// Milliseconds from an attempt's dispatch to its start.
pub const QUEUE_WAIT_MS: &str = "kintsugi.queue_wait_ms";
/// Milliseconds from an attempt's start to its end.
pub const EXECUTION_MS: &str = "kintsugi.execution_ms";
/// The name of a worker.
pub const WORKER: &str = "kintsugi.worker";
/// What happened to a lost attempt.
pub const LOSS_CAUSE: &str = "kintsugi.loss.cause";
/// Milliseconds that a retry was meant to wait.
pub const DELAY_MS: &str = "kintsugi.delay_ms";
/// Whether a redrive replaced the input.
pub const REDRIVE_EDITED: &str = "kintsugi.redrive.edited";
/// Why a run was cancelled.
pub const CANCEL_REASON: &str = "kintsugi.cancel.reason";
/// The kind of an error, of low cardinality.
pub const ERROR_TYPE: &str = "error.type";
/// The name of a service.
pub const SERVICE: &str = "service.name";
/// Which messaging system.
pub const MESSAGING_SYSTEM: &str = "messaging.system";
/// What is done to a message.
pub const MESSAGING_OPERATION_NAME: &str = "messaging.operation.name";
/// What is done to a message, of a closed list.
pub const MESSAGING_OPERATION_TYPE: &str = "messaging.operation.type";
/// The subject of a message.
pub const MESSAGING_DESTINATION: &str = "messaging.destination.name";
/// What messages belong together: the run.
pub const MESSAGING_CONVERSATION: &str = "messaging.message.conversation_id";
