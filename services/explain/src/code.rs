//! What kinds of causes there are. Their names are stable; `docs/explain.md` says what each means.

/// Names each code once.
macro_rules! codes {
    ($($(#[$docs:meta])* $code:ident = $name:literal),+ $(,)?) => {
        /// What kind of cause.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$docs])* $code),+
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// As the API writes it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name),+
                }
            }
        }
    };
}

codes! {
    /// The run ended with its output.
    RunCompleted = "run-completed",
    /// The run was cancelled.
    RunCancelled = "run-cancelled",
    /// The run ended with an error.
    RunFaulted = "run-faulted",
    /// The run is accepted, and its orchestrator has not begun it.
    NotStarted = "not-started",
    /// The run made as many steps as one input may, and goes on.
    StepsLeft = "steps-left",
    /// Nothing is open that waits: it is between two steps.
    BetweenSteps = "between-steps",
    /// Its cancellation is kept, and not taken yet.
    CancelAsked = "cancel-asked",
    /// It was asked to end, and what is out may finish, or it tidies up.
    Cancelling = "cancelling",
    /// The run is suspended by hand, or since its definition is held.
    Suspended = "suspended",
    /// Events lie in its inbox that it has not taken.
    SignalNotTaken = "signal-not-taken",
    /// A task ended well.
    TaskCompleted = "task-completed",
    /// A task failed, and the workflow dealt with it.
    TaskFailed = "task-failed",
    /// A task is no longer wanted.
    TaskCancelled = "task-cancelled",
    /// A task belongs to a run that faulted elsewhere.
    TaskInterrupted = "task-interrupted",
    /// A task waits for a permit.
    PermitWait = "permit-wait",
    /// Whoever has the permit.
    PermitHeld = "permit-held",
    /// The permit is granted, and its run is about to be told.
    PermitGranted = "permit-granted",
    /// An attempt was given out a moment ago.
    Dispatched = "dispatched",
    /// An attempt waits in its queue.
    QueueWait = "queue-wait",
    /// Somebody holds the queue or the task type by hand.
    Held = "held",
    /// Nobody serves the queue and task type.
    NoWorker = "no-worker",
    /// Everyone who serves it is busy.
    WorkersBusy = "workers-busy",
    /// A worker is at an attempt of it that counts no more.
    StaleAttempt = "stale-attempt",
    /// Someone who serves it has room.
    WorkerFree = "worker-free",
    /// This gateway has listened for too short a time to know who is there.
    FleetUnknown = "fleet-unknown",
    /// A worker is at it.
    Executing = "executing",
    /// A worker is at it and has said nothing of its progress for long.
    NoProgress = "no-progress",
    /// A worker has let go of it, and its result is not there.
    LeaseDropped = "lease-dropped",
    /// The worker that has it is not heard of: frozen, dead or cut off.
    WorkerSilent = "worker-silent",
    /// A worker is gone.
    WorkerLost = "worker-lost",
    /// The attempt before was lost; this one was given out in its place.
    AttemptLost = "attempt-lost",
    /// It was delivered, and no worker says that it has it.
    Unclaimed = "unclaimed",
    /// No queue and no worker has it.
    MessageLost = "message-lost",
    /// An attempt failed, and the next one comes after a pause.
    RetryBackoff = "retry-backoff",
    /// What the task calls is down, overloaded or held by hand: its attempts are put off, and cost nothing.
    TargetLeftAlone = "target-left-alone",
    /// A `try` begins anew after a pause.
    TryBackoff = "try-backoff",
    /// A task has no attempts left.
    DeadLettered = "dead-lettered",
    /// A task with which workers died is kept away from them.
    Quarantined = "quarantined",
    /// A redrive is kept, and not taken yet.
    RedriveAsked = "redrive-asked",
    /// A `wait`.
    WaitTimer = "wait-timer",
    /// A `listen`.
    Listening = "listening",
    /// A person was asked.
    HumanTask = "human-task",
    /// A person's answer is kept, and not taken yet.
    AnswerNotTaken = "answer-not-taken",
    /// Another run, which it started, has to end.
    ChildRun = "child-run",
    /// That run is about to be started.
    ChildWanted = "child-wanted",
    /// That run has ended, and this one is about to look.
    ChildEnded = "child-ended",
    /// The chain goes on in another run, which was not looked at.
    NotFollowed = "not-followed",
    /// No orchestrator is there.
    NoOrchestrator = "no-orchestrator",
    /// The orchestrator of the run's partition is gone, and another one takes it.
    PartitionMoves = "partition-moves",
    /// No retry engine is there, so nobody tells runs the time.
    NoRetryEngine = "no-retry-engine",
    /// No failure detector is there, so nobody notices what is lost.
    NoFailureDetector = "no-failure-detector",
    /// The gateway has no connection to the broker.
    BrokerDown = "broker-down",
    /// The queue has nothing to do.
    QueueEmpty = "queue-empty",
    /// Tasks of the queue are being executed.
    QueueWorking = "queue-working",
    /// Tasks wait in the queue.
    QueueBacklog = "queue-backlog",
    /// The worker has nothing to do.
    WorkerIdle = "worker-idle",
    /// The worker is at some tasks and has room for more.
    WorkerWorking = "worker-working",
    /// The worker is at as many tasks as it takes.
    WorkerBusy = "worker-busy",
    /// What tasks of the type call is down: hardly any is given out.
    CircuitOpen = "circuit-open",
    /// The worker is kept short: it fails what others complete, or what its tasks call is down.
    WorkerDrained = "worker-drained",
    /// The worker finishes what it has and takes nothing new.
    WorkerStopping = "worker-stopping",
    /// The worker stopped in good order.
    WorkerStopped = "worker-stopped",
    /// The schedule is paused.
    SchedulePaused = "schedule-paused",
    /// The schedule's next due time has not come.
    ScheduleDue = "schedule-due",
    /// The run before is open.
    ScheduleOverlap = "schedule-overlap",
    /// Due times passed while nobody was there.
    ScheduleMissed = "schedule-missed",
    /// The schedule waits for events.
    ScheduleEvents = "schedule-events",
    /// The schedule has no due time any more.
    ScheduleOver = "schedule-over",
    /// The due time has come, and the run is about to be started.
    ScheduleLate = "schedule-late",
}
