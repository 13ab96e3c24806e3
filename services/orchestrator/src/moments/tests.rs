use kintsugi_core::{Fault, Input, Machine, RunId, RunState, Steer, Steering, Step, Timestamp};
use kintsugi_deciding::{Changed, Run};
use kintsugi_definition::{Expressions, Limits, Resources, program_from_document};
use kintsugi_nats::{LifeBatch, LifeEvent};
use serde_json::{Value, json};

use crate::life;

/// Tells a run of `tasks` inputs, watched or not, and gives what is published.
fn told(tasks: &Value, watched: bool, inputs: &[fn(u64) -> Input]) -> Vec<LifeEvent> {
    let document = json!({
        "document": { "dsl": "1.0.0", "namespace": "shop", "name": "order", "version": "1.0.0" },
        "do": tasks,
    });
    let program = program_from_document(&document, &Resources::default()).unwrap();
    let expressions = Expressions::new(&program, Limits::default()).unwrap();
    let id = RunId::parse("r").unwrap();
    let mut state = RunState::new(Value::Null, Timestamp(0));
    let (steps, closed, moments) = (Vec::new(), Vec::new(), Vec::new());
    let mut changed = Changed { run: id.clone(), steps, closed, moments };
    for (input, at) in inputs.iter().zip(0..) {
        let task = state.tasks().next().map_or(0, |task| task.task);
        let (at, input) = (Timestamp(at * 1_000), input(task));
        let advance = if watched { Machine::watch } else { Machine::advance };
        let out = advance(&id, &program, &expressions, &mut state, &input, at);
        changed.steps.push(Step { at, input, events: out.events });
        changed.closed.extend(out.closed);
        if watched {
            changed.moments.push(out.moments);
        }
    }
    changed.closed.sort_unstable_by_key(|(number, _)| *number);
    let run = Run {
        definition: "shop/order:1.0.0".to_owned(),
        version: 1,
        wake_at: None,
        updated_at: Timestamp(0),
        ended_at: None,
        trace_parent: None,
        trace: kintsugi_observability::RunTrace::of(&id, None),
        state,
    };
    let mut written = LifeBatch::default();
    life::events(&run, &program, &changed, &mut written);
    let read = written.messages().map(|(_, payload)| serde_json::from_slice(&payload).unwrap());
    let all: Vec<LifeEvent> = read.collect();
    assert!(all.is_sorted_by_key(|event| event.sequence.clone()), "they are in order");
    let mut ids: Vec<_> = all.iter().map(|event| &event.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "each has its id");
    all
}

fn completed(task: u64) -> Input {
    let (worker, started_at) = ("w".to_owned(), Some(Timestamp(400)));
    Input::Completed { task, epoch: 1, output: json!(1), worker, started_at }
}

/// Type, task and status.
fn lines(all: &[LifeEvent]) -> Vec<String> {
    let of = |event: &LifeEvent, key: &str| event.data[key].as_str().unwrap_or("-").to_owned();
    let line = |event| [LifeEvent::event(event).to_owned(), of(event, "task"), of(event, "status")];
    all.iter().map(|event| line(event).join(" ")).collect()
}

#[test]
fn ten_tasks_of_workers_are_12_events_or_64() {
    let tasks: Vec<_> = (0..10).map(|n| json!({ format!("t{n}"): { "call": "step" } })).collect();
    let mut inputs: Vec<fn(u64) -> Input> = vec![|_| Input::Start];
    inputs.extend([completed as fn(u64) -> Input; 10]);
    let count = |watched| told(&json!(tasks), watched, &inputs).len();
    assert_eq!((count(false), count(true)), (12, 64));
}

#[test]
fn data_are_those_of_the_specification() {
    let all = told(&json!([{ "one": { "call": "step" } }]), true, &[|_| Input::Start, completed]);
    let data = |kind: &str| {
        let of_kind = |event: &&LifeEvent| event.event() == kind;
        all.iter().filter(of_kind).map(|event| event.data.clone()).collect::<Vec<_>>()
    };
    let (name, task) = ("order-r.shop", "/do/0/one");
    let (zero, began, end) =
        ("1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.400Z", "1970-01-01T00:00:01.000Z");
    let created = json!({ "workflow": name, "task": task, "createdAt": zero });
    assert_eq!(data("task.created"), [created]);
    // The worker of a short attempt tells of its beginning with its result.
    let started = json!({ "workflow": name, "task": task, "startedAt": began, "worker": "w" });
    assert_eq!(data("task.started"), [started]);
    let status = |status: &str, at: &str| json!({ "workflow": name, "task": task, "updatedAt": at, "status": status });
    let wanted = [status("pending", zero), status("running", began), status("completed", end)];
    assert_eq!(data("task.status-changed"), wanted);
    let status =
        |status: &str, at: &str| json!({ "name": name, "updatedAt": at, "status": status });
    let wanted = [status("running", zero), status("completed", end)];
    assert_eq!(data("workflow.status-changed"), wanted);
}

#[test]
fn a_task_whose_output_is_refused_did_not_complete() {
    let schema = json!({ "format": "json", "document": { "type": "string" } });
    let tasks = json!([{ "one": { "call": "step", "output": { "schema": schema } } }]);
    let lines = lines(&told(&tasks, true, &[|_| Input::Start, completed]));
    assert!(lines.contains(&"task.faulted /do/0/one -".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("task.completed")), "{lines:?}");
}

#[test]
fn branches_that_lost_are_cancelled_before_the_fork_completes() {
    let tasks = json!([{ "race": { "fork": { "compete": true, "branches": [
        { "one": { "call": "one" } },
        { "two": { "do": [{ "three": { "call": "three" } }] } },
    ] } } }]);
    let lines = lines(&told(&tasks, true, &[|_| Input::Start, completed]));
    let ends: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("task.completed") || line.starts_with("task.cancelled"))
        .collect();
    let race = "/do/0/race";
    let wanted = [
        format!("task.completed {race}/fork/branches/0/one -"),
        format!("task.cancelled {race}/fork/branches/1/two/do/0/three -"),
        format!("task.cancelled {race}/fork/branches/1/two -"),
        format!("task.completed {race} -"),
    ];
    assert_eq!(ends, wanted.iter().collect::<Vec<_>>());
}

#[test]
fn a_dead_letter_is_taken_up_as_pending() {
    fn failed(task: u64) -> Input {
        let fault = Fault { message: "no".to_owned(), fatal: true, ..Fault::default() };
        let (worker, started_at) = ("w".to_owned(), None);
        Input::Failed { task, epoch: 1, fault, worker, started_at }
    }
    fn redrive(task: u64) -> Input {
        Input::Redrive { task, epoch: 1, input: None }
    }
    let tasks = json!([{ "both": { "fork": { "branches": [
        { "one": { "call": "one" } },
        { "two": { "call": "two" } },
    ] } } }]);
    let lines = lines(&told(&tasks, true, &[|_| Input::Start, failed, redrive]));
    let at = lines.iter().position(|line| line.starts_with("task.faulted")).unwrap();
    let (one, two) = ("/do/0/both/fork/branches/0/one", "/do/0/both/fork/branches/1/two");
    let wanted = [
        format!("task.faulted {one} -"),
        format!("task.status-changed {one} faulted"),
        format!("task.dead-lettered {one} -"),
        format!("task.cancelled {two} -"),
        format!("task.status-changed {two} cancelled"),
        "workflow.faulted - -".to_owned(),
        "workflow.status-changed - faulted".to_owned(),
        format!("task.redriven {one} -"),
        format!("task.status-changed {one} pending"),
        "workflow.status-changed - running".to_owned(),
        format!("task.status-changed {two} pending"),
    ];
    assert_eq!(lines[at..], wanted);
}

#[test]
fn what_is_done_by_hand_is_told_once_with_who_and_why() {
    fn steer(request: &str, what: Steering) -> Input {
        let (by, reason) = (Some("ada".to_owned()), Some("a fire".to_owned()));
        Input::Steer(Steer { request: request.to_owned(), by, reason, what })
    }
    let tasks = json!([{ "one": { "call": "step" } }, { "last": { "set": { "x": 1 } } }]);
    let inputs: [fn(u64) -> Input; 4] = [
        |_| Input::Start,
        |_| steer("1", Steering::Suspend { hold: None }),
        |task| steer("2", Steering::Complete { task, output: json!(1) }),
        |_| steer("3", Steering::Resume),
    ];
    let brief = told(&tasks, false, &inputs);
    assert!(brief[1..4].iter().all(|event| event.data["by"] == "ada"));
    assert_eq!(
        lines(&brief),
        [
            "workflow.started - -",
            "workflow.suspended - -",
            "task.completed /do/0/one -",
            "workflow.resumed - -",
            "workflow.completed - -",
        ]
    );
    let full = lines(&told(&tasks, true, &inputs));
    let wanted = [
        "workflow.suspended - -",
        "workflow.status-changed - suspended",
        "task.completed /do/0/one -",
        "task.status-changed /do/0/one completed",
        "workflow.resumed - -",
        "workflow.status-changed - running",
        "task.created /do/1/last -",
    ];
    assert_eq!(full[4..11], wanted, "{full:?}");
}
