//! Runs that grow: driven as the orchestrator drives them, step by step, with what each step costs.

use std::{
    collections::VecDeque,
    fmt::Write,
    time::{Duration, Instant},
};

use kintsugi_core::{Effect, Input, Machine, Program, RunId, RunState, Status, Step, Timestamp};
use kintsugi_definition::{Expressions, Limits, Settings, compile};
use serde_json::{Value, json};

/// A workflow that has as many steps as it is asked for.
pub(crate) struct Shape {
    /// What grows.
    pub(crate) name: &'static str,
    definition: String,
    input: Value,
}

/// Every shape of growth, with `size` steps.
pub(crate) fn shapes(size: usize) -> Vec<Shape> {
    let branches = |task: &str| {
        (0..size).fold(String::new(), |mut text, n| {
            let _ = writeln!(text, "          - b{n}: {task}");
            text
        })
    };
    let fork = |name, task| {
        shape(name, &format!("  - all:\n      fork:\n        branches:\n{}", branches(task)))
    };
    vec![
        shape(
            "for, a value each",
            &format!(
                "  - each: {{for: {{in: '[range({size})]'}}, do: [{{one: {{set: {{n: '${{ $item }}'}}}}}}]}}\n"
            ),
        ),
        shape(
            "for, a task each",
            &format!(
                "  - each: {{for: {{in: '[range({size})]'}}, do: [{{one: {{call: noop, with: {{n: '${{ $item }}'}}}}}}]}}\n"
            ),
        ),
        fork("fork, a value each", "{set: {n: 1}}"),
        fork("fork, a task each", "{call: noop, with: {n: 1}}"),
        fork(
            "fork, two tasks each",
            "{do: [{one: {call: noop, with: {n: 1}}}, {two: {call: noop, with: {n: 2}}}]}",
        ),
        shape(
            "map, 40 at a time",
            &format!("  - all: {{call: map, with: {{in: '[range({size})]', do: noop}}}}\n"),
        ),
        shape(
            "map, 1,000 at a time",
            &format!(
                "  - all: {{call: map, with: {{in: '[range({size})]', do: noop, maxConcurrency: 1000}}}}\n"
            ),
        ),
        shape(
            "then, backward",
            &format!(
                "  - begin: {{set: {{n: 0}}}}\n  - count: {{set: {{n: '${{ .n + 1 }}'}}}}\n  \
                 - again: {{switch: [{{more: {{when: '${{ .n < {size} }}', then: count}}}}]}}\n"
            ),
        ),
    ]
}

fn shape(name: &'static str, tasks: &str) -> Shape {
    let head = "document: {dsl: '1.0.3', namespace: bench, name: growth, version: '1.0.0'}\ndo:\n";
    // Something of the size of an order, which each part of the run may or may not copy.
    let input = json!({"order": {"id": 4711, "note": "x".repeat(150)}, "items": [1, 2, 3]});
    Shape { name, definition: format!("{head}{tasks}"), input }
}

/// What one batch of inputs cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Batch {
    /// Results of tasks that it took; where there are no tasks, transitions.
    pub(crate) steps: u64,
    /// Time of the machine.
    pub(crate) machine: Duration,
    /// Time of writing the state.
    pub(crate) encode: Duration,
    /// Bytes that the machine asked the allocator for.
    pub(crate) allocated_bytes: u64,
    /// Frames that the machine looked through.
    pub(crate) looked: u64,
    /// Bytes of the state after it.
    pub(crate) state_bytes: usize,
}

/// The batches of the first and of the last tenth. Left out are the batch that evaluates what is
/// iterated, the one that ends the run, and those that only open branches.
pub(crate) fn tenths(batches: &[Batch]) -> (Vec<Batch>, Vec<Batch>) {
    let inner = &batches[1..batches.len() - 1];
    let steps: Vec<Batch> = inner.iter().filter(|batch| batch.steps > 0).copied().collect();
    let tenth = (steps.len() / 10).max(1);
    (steps[..tenth].to_vec(), steps[steps.len() - tenth..].to_vec())
}

/// A run from its start to its end, in batches of at most `inputs_max` results each.
///
/// The machine's state is kept between batches and written after each, as the orchestrator does; it
/// is read back every 10 batches, as after a change of owner.
pub(crate) fn drive(shape: &Shape, inputs_max: usize) -> Vec<Batch> {
    let settings = roomy();
    let program = compile(shape.definition.as_bytes(), &settings).expect("it is right").program;
    let expressions = Expressions::new(&program, Limits::default()).expect("it compiled");
    let mut run = Run::new(&program, &expressions, shape.input.clone());
    let mut batches = Vec::new();
    let (mut inputs, mut rounds) = (vec![Input::Start], 0);
    loop {
        batches.push(run.batch(&inputs));
        if run.state.status.is_terminal() {
            break;
        }
        let room = run.out.len().min(inputs_max);
        inputs = run.out.drain(..room).collect();
        // What was cut off goes on first, as it does in the orchestrator's next batch.
        if !run.state.pending.is_empty() || inputs.is_empty() {
            inputs.insert(0, Input::Tick);
        }
        rounds += 1;
        if rounds % 10 == 0 {
            let state = serde_json::to_vec(&run.state).expect("it is JSON");
            let read: RunState = serde_json::from_slice(&state).expect("it was written");
            assert!(read == run.state, "{}: what is read is what was written", shape.name);
            run.state = read;
        }
    }
    assert_eq!(run.state.status, Status::Completed, "{}: {:?}", shape.name, run.state.error);
    batches
}

/// Documents as large as these are refused by default.
fn roomy() -> Settings {
    let mut settings = Settings::default();
    let document = &mut settings.limits.document;
    (document.bytes_max, document.nodes_max) = (usize::MAX, usize::MAX);
    settings.limits.tasks_max = usize::MAX;
    settings
}

struct Run<'p> {
    id: RunId,
    program: &'p Program,
    expressions: &'p Expressions,
    state: RunState,
    now: Timestamp,
    /// Results on their way.
    out: VecDeque<Input>,
}

impl<'p> Run<'p> {
    fn new(program: &'p Program, expressions: &'p Expressions, input: Value) -> Self {
        let now = Timestamp(1_800_000_000_000);
        let id = RunId::parse("0197a1b2-growth").expect("an id");
        Self {
            id,
            program,
            expressions,
            state: RunState::new(input, now),
            now,
            out: VecDeque::new(),
        }
    }

    fn batch(&mut self, inputs: &[Input]) -> Batch {
        let (mut batch, before, mut steps) = (Batch::default(), self.state.steps, Vec::new());
        self.now = self.now.plus(1);
        let since = Instant::now();
        let allocated = allocation_counter::measure(|| {
            for input in inputs {
                let state = &mut self.state;
                let out = Machine::advance(
                    &self.id,
                    self.program,
                    self.expressions,
                    state,
                    input,
                    self.now,
                );
                batch.looked += out.looked;
                self.out.extend(out.effects.into_iter().filter_map(result));
                steps.push(Step { at: self.now, input: input.clone(), events: out.events });
            }
        });
        batch.machine = since.elapsed();
        batch.allocated_bytes = allocated.bytes_total;
        let since = Instant::now();
        batch.state_bytes = serde_json::to_vec(&self.state).expect("it is JSON").len();
        batch.encode = since.elapsed();
        let results =
            inputs.iter().filter(|input| matches!(input, Input::Completed { .. })).count();
        batch.steps = if results > 0 { results as u64 } else { self.state.steps - before };
        batch
    }
}

/// What the worker says.
fn result(effect: Effect) -> Option<Input> {
    let Effect::Dispatch { task, epoch, input, .. } = effect else { return None };
    Some(Input::Completed { task, epoch, output: input, worker: "w".to_owned(), started_at: None })
}
