//! A run with everything that has a span, through the real machine.

use kintsugi_core::{
    Call, DefinitionRef, Evaluate, EvaluateError, Expr, Fault, Flow, Input, Kind, List, ListId,
    LossCause, Machine, Node, NodeId, Program, RetryPolicy, RunId, RunState, Schema, Span, Status,
    Step, TaskPolicy, Template, Timestamp, Variables, WhenExhausted,
};
use serde_json::{Value, json};

struct NoLanguage;

impl Evaluate for NoLanguage {
    fn evaluate(&self, _: Expr, input: &Value, _: &dyn Variables) -> Result<Value, EvaluateError> {
        Ok(input.clone())
    }

    fn validate(&self, _: Schema, _: &Value) -> Result<(), EvaluateError> {
        Ok(())
    }
}

/// `do: [charge, wait, ship]`: both calls get three attempts.
fn program() -> Program {
    let call = |task_type: &str| {
        Kind::Call(Box::new(Call {
            task_type: task_type.to_owned(),
            queue: "default".to_owned(),
            with: Template::Literal(json!({})),
            deferred: Vec::new(),
            input_schema: None,
            output_schema: None,
            policy: TaskPolicy {
                retry: RetryPolicy { maximum_attempts: 3, ..RetryPolicy::default() },
                start_to_close_ms: 10_000,
                crashes_max: 3,
                when_exhausted: WhenExhausted::Fault,
                ..TaskPolicy::default()
            },
        }))
    };
    let node = |name: &str, kind| Node {
        name: name.to_owned(),
        pointer: format!("/do/{name}"),
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
    };
    Program {
        definition: DefinitionRef::parse("shop/order:1.0.0").unwrap(),
        document: Value::Null,
        expressions: Vec::new(),
        schemas: Vec::new(),
        schema_library: std::collections::BTreeMap::new(),
        inlined: std::collections::BTreeMap::new(),
        inlined_definitions: Vec::new(),
        nodes: vec![
            node("charge", call("charge")),
            node("pause", Kind::Wait(Span::Millis(500))),
            node("ship", call("ship")),
        ],
        lists: vec![List(vec![NodeId(0), NodeId(1), NodeId(2)])],
        body: ListId(0),
        input_schema: None,
        input_from: None,
        output_as: None,
        output_schema: None,
        timeout: None,
        on_cancel: None,
    }
}

/// The history of `run`, accepted at `start`: a lost worker, its late result, a failure, a retry, a
/// timer, a dead letter that faults the run, and a redrive that completes it.
pub(crate) fn history(run: &RunId, start: Timestamp) -> Vec<Step> {
    let program = program();
    let mut state = RunState::new(Value::Null, start);
    let mut now = start.plus(3);
    let mut steps = Vec::new();
    let worker = |name: &str| name.to_owned();
    // The numbers of tasks and when retries are due follow from the state.
    let open = |state: &RunState| state.tasks().next().map(|t| (t.task, t.state.epoch)).unwrap();
    for turn in 0..10 {
        let input = match turn {
            0 => Input::Start,
            1 => {
                let (task, epoch) = open(&state);
                now = now.plus(900);
                let (cause, worker) = (LossCause::WorkerDead, Some(worker("w1")));
                Input::Lost {
                    task,
                    epoch,
                    cause,
                    worker,
                    seen_at: Timestamp(now.0 - 40),
                    blamed: None,
                }
            }
            2 => {
                let (task, epoch) = open(&state);
                let started_at = Some(start);
                let (epoch, output, worker) = (epoch - 1, json!(1), worker("w1"));
                Input::Completed { task, epoch, output, worker, started_at }
            }
            3 => {
                let (task, epoch) = open(&state);
                let fault = Fault { message: "no answer".to_owned(), ..Fault::default() };
                let started_at = Some(now.plus(5));
                now = now.plus(100);
                Input::Failed { task, epoch, fault, worker: worker("w2"), started_at }
            }
            5 => {
                let (task, epoch) = open(&state);
                let started_at = Some(now.plus(5));
                now = now.plus(50);
                let (output, worker) = (json!(1), worker("w2"));
                Input::Completed { task, epoch, output, worker, started_at }
            }
            4 | 6 => {
                now = state.wake_at().unwrap();
                Input::Tick
            }
            7 => {
                let (task, epoch) = open(&state);
                let fault = Fault { message: "no".to_owned(), fatal: true, ..Fault::default() };
                now = now.plus(30);
                Input::Failed { task, epoch, fault, worker: worker("w2"), started_at: None }
            }
            8 => {
                let (task, epoch) = open(&state);
                now = now.plus(2_000);
                Input::Redrive { task, epoch, input: Some(json!({"fixed": true})) }
            }
            _ => {
                let (task, epoch) = open(&state);
                now = now.plus(30);
                let (output, worker) = (json!(1), worker("w2"));
                Input::Completed { task, epoch, output, worker, started_at: None }
            }
        };
        let outcome = Machine::advance(run, &program, &NoLanguage, &mut state, &input, now);
        steps.push(Step { at: now, input, events: outcome.events });
    }
    assert_eq!(state.status, Status::Completed, "{steps:#?}");
    steps
}
