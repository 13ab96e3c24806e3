//! The machine from outside: random histories, and each rule of listening by itself.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod attempts;
mod histories;
mod listening;
mod listening_histories;
mod occasions;
mod steering;
mod steers;
mod stored;

use kintsugi_core::{
    Call, Evaluate, EvaluateError, Expr, Flow, Kind, Node, RetryPolicy, RunId, Schema, TaskPolicy,
    Template, Variables, WhenExhausted,
};
use serde_json::{Value, json};

/// Stands in for a language: an expression gives its input back.
struct Identity;

impl Evaluate for Identity {
    fn evaluate(&self, _: Expr, input: &Value, _: &dyn Variables) -> Result<Value, EvaluateError> {
        Ok(input.clone())
    }

    fn validate(&self, _: Schema, _: &Value) -> Result<(), EvaluateError> {
        Ok(())
    }
}

/// What bounds the tasks of these programs.
const ATTEMPTS_MAX: u32 = 3;
const CRASHES_MAX: u32 = 4;

fn call(task_type: &str, when_exhausted: WhenExhausted) -> Kind {
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

fn node(name: &str, kind: Kind) -> Node {
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

fn run_id() -> RunId {
    RunId::parse("r1").unwrap()
}
