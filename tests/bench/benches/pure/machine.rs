//! One input to the machine, from a state that is copied outside the measured time.

use std::{fmt::Write, hint::black_box};

use criterion::{BatchSize, Criterion};
use kintsugi_core::{Effect, Input, Machine, Program, RunId, RunState, Timestamp};
use kintsugi_definition::{Expressions, Limits, Settings, compile};
use serde_json::{Value, json};

/// A run that stands somewhere.
pub(crate) struct Standing {
    program: Program,
    expressions: Expressions,
    id: RunId,
    pub(crate) state: RunState,
    pub(crate) out: Vec<Input>,
}

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("machine");
    let cases = [
        ("result, 5th of a sequence of 10", sequence(), 4),
        ("result of a branch, 50th of 100", fork(100), 49),
        ("result of a branch, 5,000th of 9,000", fork(9_000), 4_999),
        ("result in an iteration, 50th of 100", each(100), 49),
        ("result in an iteration, 5,000th of 10,000", each(10_000), 4_999),
    ];
    for (name, mut run, before) in cases {
        run.go_on(before);
        let input = run.out.remove(0);
        group.bench_function(name, |bencher| {
            let copy = || run.state.clone();
            let step = |mut state: RunState| {
                let out = run.tell(&mut state, black_box(&input));
                (state, out)
            };
            bencher.iter_batched(copy, step, BatchSize::PerIteration);
        });
    }
    let run = values();
    group.bench_function("tick, 500 transitions of a `for` over values", |bencher| {
        let step = |mut state: RunState| {
            let out = run.tell(&mut state, &Input::Tick);
            (state, out)
        };
        bencher.iter_batched(|| run.state.clone(), step, BatchSize::PerIteration);
    });
    group.finish();
}

pub(crate) fn sequence() -> Standing {
    let tasks = (0..10).fold(String::new(), |mut text, n| {
        writeln!(text, "  - s{n}: {{call: noop, with: {{n: {n}, order: '${{ .order }}'}}}}")
            .unwrap();
        text
    });
    Standing::begin(&tasks)
}

pub(crate) fn fork(width: usize) -> Standing {
    let mut text = "  - all:\n      fork:\n        branches:\n".to_owned();
    for n in 0..width {
        writeln!(text, "          - b{n}: {{call: noop, with: {{n: {n}}}}}").unwrap();
    }
    Standing::begin(&text)
}

fn each(items: usize) -> Standing {
    Standing::begin(&format!(
        "  - each: {{for: {{in: '[range({items})]'}}, do: [{{one: {{call: noop, with: {{n: '${{ $item }}'}}}}}}]}}\n"
    ))
}

fn values() -> Standing {
    Standing::begin(
        "  - each: {for: {in: '[range(10000)]'}, do: [{one: {set: {n: '${ $item }'}}}]}\n",
    )
}

impl Standing {
    /// A run that was started.
    fn begin(tasks: &str) -> Self {
        let head =
            "document: {dsl: '1.0.3', namespace: bench, name: work, version: '1.0.0'}\ndo:\n";
        let program =
            compile(format!("{head}{tasks}").as_bytes(), &Settings::default()).unwrap().program;
        let expressions = Expressions::new(&program, Limits::default()).unwrap();
        let id = RunId::parse("0197a1b2-bench").unwrap();
        let state = RunState::new(json!({"order": {"id": 4711, "name": "vase"}}), NOW);
        let mut run = Self { program, expressions, id, state, out: Vec::new() };
        run.take(&Input::Start);
        while !run.state.pending.is_empty() && !run.out.is_empty() {
            run.take(&Input::Tick);
        }
        run
    }

    /// The results of as many tasks.
    pub(crate) fn go_on(&mut self, results: usize) {
        for _ in 0..results {
            let input = self.out.remove(0);
            self.take(&input);
        }
    }

    fn take(&mut self, input: &Input) {
        let mut state = std::mem::replace(&mut self.state, RunState::new(Value::Null, NOW));
        let effects = self.tell(&mut state, input);
        self.state = state;
        self.out.extend(effects.into_iter().filter_map(result));
    }

    fn tell(&self, state: &mut RunState, input: &Input) -> Vec<Effect> {
        Machine::advance(&self.id, &self.program, &self.expressions, state, input, NOW).effects
    }
}

/// What the worker says.
fn result(effect: Effect) -> Option<Input> {
    let Effect::Dispatch { task, epoch, input, .. } = effect else { return None };
    Some(Input::Completed { task, epoch, output: input, worker: "w".to_owned(), started_at: None })
}
