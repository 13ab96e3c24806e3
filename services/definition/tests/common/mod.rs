//! What the tests share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::print_stdout, reason = "tests say what they skip")]

pub mod official;

use std::collections::BTreeMap;

use kintsugi_core::{
    Effect, Evaluate, Expr, Input, Machine, Outcome, Program, RunId, RunState, Status, Timestamp,
    Variables,
};
use kintsugi_definition::{Compiled, Expressions, Limits, Problems, Settings, compile};
use serde_json::{Value, json};

pub const HEAD: &str = "document: {dsl: 1.0.3, namespace: test, name: a, version: 0.1.0}\n";

/// Variables from a map.
pub struct Map(pub BTreeMap<String, Value>);

impl Variables for Map {
    fn get(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }
}

/// Settings of a deployment that lets workflows start anything.
pub fn everything_allowed() -> Settings {
    let mut settings = Settings::default();
    settings.limits.abilities = kintsugi_core::Ability::ALL.into();
    settings
}

/// Compiles a body of tasks.
pub fn body(text: &str) -> Result<Compiled, Problems> {
    compile(format!("{HEAD}{text}").as_bytes(), &Settings::default())
}

/// Evaluates one expression with `$context`, `$input` and so on bound as given.
pub fn eval(code: &str, input: &Value, variables: &[(&str, Value)]) -> Result<Value, String> {
    eval_within(Limits::default(), code, input, variables)
}

/// The same within other limits.
pub fn eval_within(
    limits: Limits,
    code: &str,
    input: &Value,
    variables: &[(&str, Value)],
) -> Result<Value, String> {
    let program = program_of(code)?;
    let expressions = Expressions::new(&program, limits).map_err(|e| e.to_string())?;
    let map = variables.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    expressions.evaluate(Expr(0), input, &Map(map)).map_err(|e| e.detail)
}

/// A program with one expression.
pub fn program_of(code: &str) -> Result<Program, String> {
    let document = json!({
        "document": {"dsl": "1.0.3", "namespace": "t", "name": "t", "version": "1.0.0"},
        "do": [{"a": {"if": code, "set": {"x": 1}}}],
    });
    let bytes = document.to_string();
    compile(bytes.as_bytes(), &Settings::default()).map(|c| c.program).map_err(|e| e.to_string())
}

/// Runs to the end, letting time pass; none when a worker is needed.
pub fn run(program: &Program, input: Value) -> Option<RunState> {
    let expressions = Expressions::new(program, Limits::default()).expect("it compiled");
    let id = RunId::parse("r").expect("an id");
    let mut now = Timestamp(1_000);
    let mut state = RunState::new(input, now);
    let mut next = Input::Start;
    for _ in 0..200 {
        let outcome = Machine::advance(&id, program, &expressions, &mut state, &next, now);
        if outcome.effects.iter().any(|effect| matches!(effect, Effect::Dispatch { .. })) {
            return None;
        }
        if state.status.is_terminal() {
            return Some(state);
        }
        now = state.wake_at().unwrap_or(now).max(now);
        next = Input::Tick;
    }
    panic!("the run does not end: {state:?}");
}

/// What a body of tasks gives: an output, or an error.
pub fn output(text: &str, input: Value) -> Result<Value, Value> {
    let compiled = body(text).expect("it is right");
    let state = run(&compiled.program, input).expect("no worker");
    match state.status {
        Status::Completed => Ok(state.output.unwrap_or_default()),
        _ => Err(serde_json::to_value(state.error).unwrap_or_default()),
    }
}

/// A run that is told one thing after the other.
pub struct Run {
    program: Program,
    expressions: Expressions,
    pub state: RunState,
    pub now: Timestamp,
}

impl Run {
    /// Begins a body of tasks.
    pub fn start(text: &str, input: Value) -> (Self, Outcome) {
        let program = body(text).expect("it is right").program;
        let expressions = Expressions::new(&program, Limits::default()).expect("it compiled");
        let state = RunState::new(input, Timestamp(1_000));
        let mut run = Self { program, expressions, state, now: Timestamp(1_000) };
        let outcome = run.tell(&Input::Start);
        (run, outcome)
    }

    /// Tells the run, with its state stored and read before.
    pub fn tell(&mut self, input: &Input) -> Outcome {
        let stored = serde_json::to_vec(&self.state).expect("a state can be stored");
        self.state = serde_json::from_slice(&stored).expect("a stored state can be read");
        let id = RunId::parse("r").expect("an id");
        let (program, expressions) = (&self.program, &self.expressions);
        Machine::advance(&id, program, expressions, &mut self.state, input, self.now)
    }
}
