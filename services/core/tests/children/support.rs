//! Programs that run other workflows, and a run of them from outside.

use kintsugi_core::{
    Call, Catch, ChildEffect, ChildInput, ChildOutcome, DefinitionRef, Effect, Error, ErrorFilter,
    ErrorKind, Evaluate, EvaluateError, Event, Expr, Flow, Input, Kind, List, ListId, Machine,
    Node, NodeId, Program, RetryPolicy, RunId, RunState, RunWorkflow, Schema, TaskPolicy, Template,
    Timestamp, Variables, WhenExhausted,
};
use serde_json::{Value, json};

/// Stands in for a language: an expression gives its input back.
pub(crate) struct Identity;

impl Evaluate for Identity {
    fn evaluate(&self, _: Expr, input: &Value, _: &dyn Variables) -> Result<Value, EvaluateError> {
        Ok(input.clone())
    }

    fn validate(&self, _: Schema, _: &Value) -> Result<(), EvaluateError> {
        Ok(())
    }
}

const ATTEMPTS_MAX: u32 = 3;
const CRASHES_MAX: u32 = 4;

pub(crate) fn call(task_type: &str, when_exhausted: WhenExhausted) -> Kind {
    Kind::Call(Box::new(Call {
        task_type: task_type.to_owned(),
        queue: "default".to_owned(),
        with: Template::Literal(json!({"of": task_type})),
        deferred: Vec::new(),
        input_schema: None,
        output_schema: None,
        policy: TaskPolicy {
            retry: RetryPolicy { maximum_attempts: ATTEMPTS_MAX, ..RetryPolicy::default() },
            start_to_close_ms: 10_000,
            crashes_max: CRASHES_MAX,
            when_exhausted,
            ..TaskPolicy::default()
        },
    }))
}

pub(crate) fn node(name: &str, kind: Kind) -> Node {
    Node {
        name: name.to_owned(),
        pointer: format!("/{name}"),
        condition: None,
        input_schema: None,
        input_from: None,
        output_as: None,
        output_schema: None,
        export: None,
        timeout: None,
        then: Flow::Continue,
        undo: None,
        kind,
    }
}

pub(crate) fn id(text: &str) -> RunId {
    RunId::parse(text).unwrap()
}

pub(crate) fn workflow(awaited: bool) -> Kind {
    Kind::RunWorkflow(Box::new(RunWorkflow {
        definition: DefinitionRef::parse("test/child").unwrap(),
        input: Template::Literal(json!({"for": "child"})),
        awaited,
    }))
}

/// The given tasks, one after the other.
pub(crate) fn program(nodes: Vec<Node>, first: &[u32], second: &[u32]) -> Program {
    let list = |ids: &[u32]| List(ids.iter().map(|id| NodeId(*id)).collect());
    Program {
        definition: DefinitionRef::parse("test/parent:1.0.0").unwrap(),
        document: Value::Null,
        expressions: Vec::new(),
        schemas: Vec::new(),
        schema_library: std::collections::BTreeMap::new(),
        inlined: std::collections::BTreeMap::new(),
        inlined_definitions: Vec::new(),
        nodes,
        lists: vec![list(first), list(second)],
        body: ListId(0),
        input_schema: None,
        input_from: None,
        output_as: None,
        output_schema: None,
        timeout: None,
        on_cancel: None,
    }
}

pub(crate) fn plain() -> Program {
    program(vec![node("child", workflow(true))], &[0], &[])
}

pub(crate) fn caught() -> Program {
    let catch = Catch {
        errors: ErrorFilter::default(),
        as_: "error".to_owned(),
        when: None,
        except_when: None,
        retry: None,
        body: None,
        then: None,
    };
    let body = Kind::Try { body: ListId(1), catch: Box::new(catch) };
    program(vec![node("try", body), node("child", workflow(true))], &[0], &[1])
}

pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) program: Program,
    pub(crate) state: RunState,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<Event>,
    pub(crate) asked: Vec<ChildEffect>,
}

impl Run {
    pub(crate) fn new(program: Program) -> Self {
        let state = RunState::new(json!({}), Timestamp(0));
        let (now, events, asked) = (Timestamp(0), Vec::new(), Vec::new());
        Self { id: id("p"), program, state, now, events, asked }
    }

    pub(crate) fn tell(&mut self, input: Input) -> &mut Self {
        let out =
            Machine::advance(&self.id, &self.program, &Identity, &mut self.state, &input, self.now);
        self.asked.clear();
        for effect in out.effects {
            if let Effect::Child(effect) = effect {
                self.asked.push(effect);
            }
        }
        self.events.extend(out.events);
        self
    }

    pub(crate) fn child(&mut self, input: ChildInput) -> &mut Self {
        self.tell(Input::Child(input))
    }

    /// Starts, and gives the task that wants a child.
    pub(crate) fn start(&mut self) -> u64 {
        self.tell(Input::Start);
        let [ChildEffect::Start { task, .. }] = self.asked[..] else { panic!("{:?}", self.asked) };
        task
    }

    /// Starts, and has the first child accepted.
    pub(crate) fn started(program: Program) -> (Self, u64) {
        let mut run = Self::new(program);
        let task = run.start();
        run.accept(task);
        (run, task)
    }

    pub(crate) fn accept(&mut self, task: u64) -> &mut Self {
        let definition = "test/child:1.0.0".to_owned();
        self.child(ChildInput::Accepted { task, run: id("c"), definition })
    }

    pub(crate) fn ended(&mut self, task: u64, life: u32, outcome: ChildOutcome) -> &mut Self {
        self.child(ChildInput::Ended { task, life, outcome })
    }
}

pub(crate) fn faulted(redrivable: bool) -> ChildOutcome {
    let error = Error::new(ErrorKind::Communication, "/do/0/inner", "no answer");
    ChildOutcome::Faulted { error: Error { status: 503, ..error }, redrivable }
}
