//! What the API says and is told, as it stands in the OpenAPI document.
//!
//! Times are RFC 3339 with milliseconds; payloads are any JSON. Every list is a page: `items`, and
//! `next`, which is given back as `cursor` for the page after it.

mod chaos;
mod dead_letters;
mod definitions;
mod explain;
mod holds;
mod human_tasks;
mod letters;
mod payloads;
mod redrives;
mod requests;
mod runs;
mod schedules;
mod signals;
mod steer;
mod system;
mod task_types;
mod tasks;

pub use chaos::{
    ChaosBreach, ChaosBroken, ChaosFault, ChaosRecovery, ChaosRequest, ChaosTrial, ChaosTrialPage,
    ChaosVerdict,
};
pub use dead_letters::{DeadLetter, DeadLetterAttempt, DeadLetterPage, Redriven};
pub use definitions::{
    Definition, DefinitionPage, DefinitionProblem, DefinitionResource, DefinitionSummary,
    Registered, Retired,
};
pub use explain::{
    Explanation, ExplanationCause, ExplanationLine, ExplanationNext, ExplanationState,
    ExplanationSubject,
};
pub use holds::{Hold, HoldPage, HoldRequest};
pub use human_tasks::{AnswerRequest, Answered, HumanTask, HumanTaskPage};
pub use letters::{
    DeadLetterGroup, DeadLetterGroupPage, DeadLetterQuery, Discard, DiscardPage, DiscardRequest,
    UndoRequest,
};
pub use payloads::{Payload, PayloadReference};
pub use redrives::{
    RedriveChange, RedriveExample, RedriveJob, RedriveJobPage, RedriveKind, RedriveOrder,
    RedrivePreview, RedrivesRequest,
};
pub use requests::{CancelRequest, RedriveRequest, StartRequest};
pub use runs::{
    Accepted, HistoryEntry, HistoryPage, ParentRun, Run, RunError, RunPage, RunResult, RunStatus,
    RunSummary, Started,
};
pub use schedules::{Schedule, SchedulePage};
pub use signals::{SignalRequest, Signalled};
pub use steer::{
    CompleteRequest, FailRequest, GivenError, RerunRequest, SkipRequest, SteerAccepted,
    SteerRequest, TerminateRequest, VariablesRequest,
};
pub use system::{
    Check, Health, LifeEvent, Promise, PromiseList, Recovery, RecoveryPage, ServiceInstance,
    Worker, WorkerLease, WorkerList, WorkerType,
};
pub use task_types::{TaskType, TaskTypePage, TaskTypeRemoved, TaskTypeSummary};
pub use tasks::{Attempt, AttemptStatus, Task, TaskPage, TaskStatus};
