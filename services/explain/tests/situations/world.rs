//! A run of the real machine, in an engine whose parts the test sets.

use std::collections::BTreeMap;

use kintsugi_core::{Fault, Input, LossCause, Machine, RunId, RunState, Timestamp};
use kintsugi_definition::{Expressions, Limits, Settings, compile};
use kintsugi_explain::{
    Engine, Explanation, Lease, Mail, Queue, Run, Served, Service, State, Worker,
};
use serde_json::{Value, json};

const HEAD: &str = "document: {dsl: 1.0.3, namespace: test, name: a, version: 0.1.0}\n";

/// When every run begins.
pub(crate) const BEGIN: Timestamp = Timestamp(1_000_000);

/// A task for workers, with nothing said about it.
pub(crate) const PAY: &str = "do: [{pay: {call: pay}}]";

/// An engine in which everything is there, except for workers.
pub(crate) fn healthy() -> Engine {
    let service = |name: &str| Service {
        service: name.to_owned(),
        instance: format!("{name}-1"),
        ready: true,
    };
    Engine {
        now: BEGIN,
        bus: true,
        listening_since: Some(Timestamp(BEGIN.0 - 60_000)),
        services: ["orchestrator", "retry-engine", "failure-detector"].map(service).to_vec(),
        partitions: BTreeMap::from([(3, "orchestrator-1".to_owned())]),
        ..Engine::default()
    }
}

/// A queue and a task type.
pub(crate) fn served(queue: &str, kind: &str) -> Served {
    (queue.to_owned(), kind.to_owned())
}

/// A worker of `pay` on the default queue that is there.
pub(crate) fn worker(name: &str) -> Worker {
    Worker {
        name: name.to_owned(),
        host: "here".to_owned(),
        pid: 7,
        alive: true,
        stopping: false,
        limits: std::collections::BTreeMap::new(),
        heard_at: BEGIN,
        types: vec![served("default", "pay")],
        concurrency: 1,
        leases: Vec::new(),
    }
}

/// A run, and the engine around it.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) run: Run,
}

impl World {
    /// A run of these tasks that was accepted and not begun.
    pub(crate) fn accepted(name: &str, body: &str, input: Value) -> Self {
        let compiled = compile(format!("{HEAD}{body}").as_bytes(), &Settings::default());
        let program = compiled.expect("it is right").program;
        let run = Run {
            id: RunId::parse(name).unwrap(),
            partition: 3,
            updated_at: BEGIN,
            ended_at: None,
            state: RunState::new(input, BEGIN),
            program: Some(program),
            focus: None,
            mail: Mail::default(),
            requests: BTreeMap::new(),
            permits: BTreeMap::new(),
            linked: BTreeMap::new(),
        };
        Self { engine: healthy(), run }
    }

    /// A run `r` of these tasks that has begun.
    pub(crate) fn started(body: &str) -> Self {
        Self::named("r", body)
    }

    /// The same under another name.
    pub(crate) fn named(name: &str, body: &str) -> Self {
        let mut world = Self::accepted(name, body, json!({}));
        world.tell(&Input::Start);
        world
    }

    /// Tells the run.
    pub(crate) fn tell(&mut self, input: &Input) {
        let program = self.run.program.clone().unwrap();
        let expressions = Expressions::new(&program, Limits::default()).unwrap();
        let (id, now) = (self.run.id.clone(), self.engine.now);
        let state = &mut self.run.state;
        Machine::advance(&id, &program, &expressions, state, input, now);
        self.run.updated_at = now;
        self.run.ended_at = state.status.is_terminal().then_some(now);
    }

    /// Lets time pass.
    pub(crate) fn later(&mut self, seconds: u64) {
        self.engine.now = self.engine.now.plus(seconds * 1_000);
        for worker in self.engine.workers.iter_mut().filter(|worker| worker.alive) {
            worker.heard_at = self.engine.now;
        }
    }

    /// The number of its first task for workers.
    pub(crate) fn task(&self) -> u64 {
        self.run.state.tasks().next().unwrap().task
    }

    /// Something is said by a worker of the attempt.
    pub(crate) fn says(&mut self, say: impl Fn(u64, u64) -> Input) {
        let task = self.task();
        let epoch = self.run.state.tasks().next().unwrap().state.epoch;
        self.tell(&say(task, epoch));
    }

    /// The attempt fails.
    pub(crate) fn fails(&mut self, message: &str, fatal: bool) {
        let fault = Fault { message: message.to_owned(), fatal, ..Fault::default() };
        self.says(|task, epoch| Input::Failed {
            task,
            epoch,
            fault: fault.clone(),
            worker: "w-1".to_owned(),
            started_at: None,
        });
    }

    /// A worker does not begin the attempt.
    pub(crate) fn puts_off(&mut self, reason: &str) {
        let (reason, worker) = (reason.to_owned(), "w-1".to_owned());
        self.says(|task, epoch| Input::Deferred {
            task,
            epoch,
            for_ms: 8_000,
            reason: reason.clone(),
            fault: None,
            by_hand: false,
            worker: worker.clone(),
        });
    }

    /// The attempt is lost with its worker.
    pub(crate) fn loses(&mut self, cause: LossCause) {
        self.loses_with("w-1", cause);
    }

    /// The same with another worker.
    pub(crate) fn loses_with(&mut self, worker: &str, cause: LossCause) {
        let seen_at = self.engine.now;
        let worker = Some(worker.to_owned());
        self.says(|task, epoch| Input::Lost {
            task,
            epoch,
            cause,
            worker: worker.clone(),
            seen_at,
            blamed: None,
        });
    }

    /// A worker says that it has begun.
    pub(crate) fn begins(&mut self, worker: &str) {
        let (at, worker) = (self.engine.now, worker.to_owned());
        self.says(|task, epoch| Input::Started { task, epoch, worker: worker.clone(), at });
    }

    /// A worker that has the attempt since now.
    pub(crate) fn holder(&self, name: &str) -> Worker {
        let epoch = self.run.state.tasks().next().unwrap().state.epoch;
        let lease = Lease {
            task: format!("{}:{}", self.run.id, self.task()),
            epoch,
            since: self.engine.now,
            progress: None,
            progress_at: None,
        };
        Worker { leases: vec![lease], heard_at: self.engine.now, ..worker(name) }
    }

    /// What the broker says of the queue of `pay`.
    pub(crate) fn queue(&mut self, queue: Option<Queue>) {
        self.engine.queues.insert(served("default", "pay"), queue);
    }

    /// The task waits in its queue, and so many with it.
    pub(crate) fn queued(&mut self, pending: u64) {
        let oldest_at = Some(BEGIN);
        self.queue(Some(Queue { pending, oldest_at, ..Queue::default() }));
    }

    /// The explanation of the run.
    pub(crate) fn told(&self) -> Explanation {
        let told = kintsugi_explain::run(&self.run, &self.engine);
        says_enough(told.state, &told.causes);
        told.others.iter().for_each(|line| says_enough(line.state, &line.causes));
        told
    }

    /// Whether the run moves, and the chain of causes.
    #[track_caller]
    pub(crate) fn is(&self, state: State, codes: &[&str]) -> Explanation {
        let told = self.told();
        assert_eq!((told.state, names(&told).as_slice()), (state, codes), "{}", told.summary);
        told
    }
}

/// Whatever is explained has a cause; what stands still says what would help, and what waits what it
/// waits for or what comes next.
#[track_caller]
fn says_enough(state: State, causes: &[kintsugi_explain::Cause]) {
    let helps = causes.iter().any(|cause| cause.unblocked_by.is_some());
    let comes = causes.iter().any(|cause| cause.next.is_some());
    let enough = match state {
        State::Stuck => helps,
        State::Waiting => helps || comes,
        State::Moving | State::Idle | State::Ended => !causes.is_empty(),
    };
    assert!(enough, "{state:?}: {causes:#?}");
}

/// The codes of the chain.
pub(crate) fn names(told: &Explanation) -> Vec<&'static str> {
    told.causes.iter().map(|cause| cause.code.as_str()).collect()
}

/// Milliseconds after the beginning.
pub(crate) fn after(millis: u64) -> Timestamp {
    BEGIN.plus(millis)
}
