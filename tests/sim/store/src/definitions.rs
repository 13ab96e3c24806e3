//! The definitions that are simulated, and how their runs end when nothing breaks.
//!
//! What workers answer follows from a task's input and from how often it failed before, so that the
//! end of a run does not depend on what broke meanwhile.

mod documents;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use kintsugi_core::{
    ChildEffect, ChildInput, ChildOutcome, CloudEvent, Effect, Fault, Input, Machine, RunId,
    RunState, Status, Timestamp,
};
use kintsugi_deciding::Compiled;
use kintsugi_definition::{Expressions, Limits, Resources, program_from_document};
use serde_json::{Value, json};

use documents::{Document, documents};

/// The type of every simulated task: that of the workers whose ledger the promises are checked with.
pub const TASK_TYPE: &str = "ledger";

/// The type of the event that runs may wait for.
pub const EVENT_TYPE: &str = "go";

/// The type of the event that runs emit, and hear of each other.
pub const SAID_TYPE: &str = "said";

/// How many definitions there are of the smaller cast, the first of all.
pub const FEW: usize = 14;

/// How many there are of the second cast, the first of all.
pub const MANY: usize = 23;

/// Those that get in each other's way, of the third cast.
const CROWD: [&str; 8] =
    ["bounded", "crowded", "emits", "hears", "hears-one", "asks", "asks-two", "tidy"];

/// A task fails so often before it completes; this many: always, this many and more: for good.
pub const ALWAYS: u64 = 8;
const FATAL: u64 = 9;

/// How a run ends.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// With an output.
    Completed(Value),
    /// With an error of this type.
    Faulted(String),
    /// It does not: a dead letter waits for a redrive that does not help.
    Parked,
}

/// A definition.
#[derive(Debug)]
pub struct Definition {
    /// `namespace/name:version`.
    pub id: String,
    /// As runs are decided with.
    pub compiled: Arc<Compiled>,
    /// It waits for an event.
    pub listens: bool,
    /// Its runs are started by others only.
    pub child_only: bool,
}

impl Definition {
    fn is_named(&self, name: &str) -> bool {
        self.id.strip_prefix("sim/").and_then(|id| id.strip_suffix(":1.0.0")) == Some(name)
    }

    /// Its first task, by its reference.
    pub fn first(&self) -> Option<String> {
        let program = &self.compiled.program;
        let first = program.list(program.body).first()?;
        Some(program.node(*first)?.pointer.clone())
    }
}

/// All definitions.
#[derive(Debug)]
pub struct Definitions {
    all: Vec<Definition>,
    ends: std::sync::Mutex<BTreeMap<(usize, u64), End>>,
}

/// Compiles a definition.
fn compile(document: &Document) -> Compiled {
    let Document { name, tasks, own } = document;
    let mut document = json!({
        "document": {"dsl": "1.0.3", "namespace": "sim", "name": name, "version": "1.0.0"},
        "do": tasks,
    });
    if let Some(own) = own {
        document["document"]["metadata"] = json!({ "kintsugi": own });
    }
    let program = program_from_document(&document, &Resources::default())
        .unwrap_or_else(|problems| panic!("{name}: {problems}"));
    let expressions = Expressions::new(&program, Limits::default())
        .unwrap_or_else(|problems| panic!("{name}: {problems}"));
    Compiled { program, expressions }
}

impl Default for Definitions {
    fn default() -> Self {
        let definition = |document: Document| Definition {
            id: format!("sim/{}:1.0.0", document.name),
            compiled: Arc::new(compile(&document)),
            listens: document.name == "listen",
            child_only: document.name == "child",
        };
        let all = documents().into_iter().map(definition).collect();
        Self { all, ends: std::sync::Mutex::default() }
    }
}

impl Definitions {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Definition] {
        &self.all
    }

    /// The places of those that get in each other's way.
    #[must_use]
    pub fn crowd(&self) -> Vec<usize> {
        let is_of_it = |at: &usize| CROWD.iter().any(|name| self.all[*at].is_named(name));
        (0..self.all.len()).filter(is_of_it).collect()
    }

    /// The same once more, for the check of histories.
    #[must_use]
    pub fn programs(&self) -> BTreeMap<String, (kintsugi_core::Program, Expressions)> {
        let compiled = documents().into_iter().map(|document| {
            let Compiled { program, expressions } = compile(&document);
            (format!("sim/{}:1.0.0", document.name), (program, expressions))
        });
        compiled.collect()
    }

    /// One, by its id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Definition> {
        self.all.iter().find(|definition| definition.id == id)
    }

    /// How a run of the definition at this place with the input `n` ends.
    pub fn end(&self, at: usize, n: u64) -> End {
        let mut ends = self.ends.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        ends.entry((at, n)).or_insert_with(|| self.calm(&self.all[at], json!({ "n": n }))).clone()
    }

    /// Runs it by itself, where nothing breaks.
    fn calm(&self, definition: &Definition, input: Value) -> End {
        let id = RunId::parse("calm").expect("letters");
        let mut state = RunState::new(input, Timestamp(0));
        let mut now = Timestamp(0);
        let mut inputs = VecDeque::from([Input::Start]);
        let mut events = 0;
        for _ in 0..10_000 {
            let Some(input) = inputs.pop_front() else {
                if state.listens().any(|(_, hearing)| hearing.is_open()) {
                    events += 1;
                    let kind = if definition.listens { EVENT_TYPE } else { SAID_TYPE };
                    let event = event(&format!("calm-{events}"), kind);
                    inputs.push_back(Input::Event { event, directed: definition.listens });
                } else if let Some(at) = state.wake_at() {
                    now = now.max(at);
                    inputs.push_back(Input::Tick);
                } else {
                    return End::Parked;
                }
                continue;
            };
            let Compiled { program, expressions } = &*definition.compiled;
            let out = Machine::advance(&id, program, expressions, &mut state, &input, now);
            for effect in out.effects {
                inputs.extend(self.answer(effect));
            }
            if state.status.is_terminal() {
                return end(&state);
            }
        }
        panic!("{} does not end", definition.id);
    }

    fn answer(&self, effect: Effect) -> Vec<Input> {
        match effect {
            Effect::Dispatch { task, epoch, failures, input, .. } => {
                let worker = "calm".to_owned();
                vec![match outcome(&input, failures) {
                    Ok(output) => {
                        Input::Completed { task, epoch, output, worker, started_at: None }
                    }
                    Err(fault) => Input::Failed { task, epoch, fault, worker, started_at: None },
                }]
            }
            Effect::Child(ChildEffect::Start { task, definition, input, parent, .. }) => {
                let run = RunId::parse("calm__1").expect("letters");
                let child = self.get(&definition.to_string()).expect("it is one of ours");
                let definition = child.id.clone();
                let accepted = ChildInput::Accepted { task, run, definition };
                let End::Completed(output) = self.calm(child, input) else {
                    panic!("{} does not complete", child.id)
                };
                let outcome = ChildOutcome::Completed { output };
                let ended = ChildInput::Ended { task, life: 0, outcome };
                let told = if parent.awaited { vec![accepted, ended] } else { vec![accepted] };
                told.into_iter().map(Input::Child).collect()
            }
            Effect::Want { task, .. } => vec![Input::Granted { task, since: None }],
            Effect::Ask { task, .. } => {
                vec![Input::Answered { task, answer: json!({"n": 5}), by: None }]
            }
            _ => Vec::new(),
        }
    }
}

/// How a run has ended.
#[must_use]
pub fn end(state: &RunState) -> End {
    match state.status {
        Status::Completed => End::Completed(state.output.clone().unwrap_or_default()),
        Status::Faulted => {
            let kind = state.error.as_ref().map(|error| error.kind.clone());
            End::Faulted(kind.unwrap_or_default())
        }
        _ => End::Parked,
    }
}

/// An event that a run may wait for.
#[must_use]
pub fn event(id: &str, kind: &str) -> CloudEvent {
    let fields = json!({
        "specversion": "1.0", "id": id, "source": "/sim", "type": kind, "data": {"n": 11},
    });
    let Value::Object(fields) = fields else { unreachable!("it is written as an object") };
    CloudEvent::new(fields).expect("it has all that an event needs")
}

/// What comes of a task, by the plan in its input and how often it failed before.
///
/// # Errors
///
/// When it is to fail.
pub fn outcome(input: &Value, failures: u32) -> Result<Value, Fault> {
    let plan = input["plan"].as_u64().unwrap_or(0);
    let message = "as it was planned".to_owned();
    if plan == FATAL {
        return Err(Fault { message, fatal: true, ..Fault::default() });
    }
    if plan == ALWAYS || u64::from(failures) < plan {
        return Err(Fault { message, ..Fault::default() });
    }
    let n = input["n"].as_u64().unwrap_or(3);
    Ok(json!({ "n": n }))
}
