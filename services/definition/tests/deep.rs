//! Whatever a document and its workers do, the state can be read again, and an end is an end.

mod common;

use common::body;
use kintsugi_core::{
    Effect, Event, Fault, Input, Machine, Outcome, RunId, RunState, Status, Timestamp,
};
use kintsugi_definition::{Compiled, Expressions, Limits};
use serde_json::{Value, json};

struct Run {
    compiled: Compiled,
    expressions: Expressions,
    state: RunState,
}

impl Run {
    fn new(text: &str) -> Self {
        let compiled = body(text).expect("it is right");
        let expressions =
            Expressions::new(&compiled.program, Limits::default()).expect("it compiled");
        let mut run =
            Self { compiled, expressions, state: RunState::new(Value::Null, Timestamp(0)) };
        run.tell(0, Input::Start);
        run
    }

    /// Tells it, and reads its state from what would be stored.
    fn tell(&mut self, at: i64, input: Input) -> Outcome {
        let (id, at) = (RunId::parse("r").expect("an id"), Timestamp(at));
        let program = &self.compiled.program;
        let out = Machine::advance(&id, program, &self.expressions, &mut self.state, &input, at);
        let stored = serde_json::to_vec(&self.state).expect("a state is JSON");
        self.state = serde_json::from_slice(&stored).expect("a state can be read again");
        out
    }

    fn completes(&mut self, output: Value) -> Outcome {
        let task = self.state.tasks().next().expect("an open task");
        let (task, epoch) = (task.task, task.state.epoch);
        let worker = "w".to_owned();
        self.tell(1, Input::Completed { task, epoch, output, worker, started_at: None })
    }
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn a_value_that_is_too_deep_is_an_error_of_its_task() {
    for levels in [1, 63, 64, 65, 130, 300] {
        let text = format!(
            "do: [{{a: {{set: '${{ reduce range({levels}) as $i (1; [.]) }}'}}}}, {{b: {{call: work, with: {{x: {{y: '${{ . }}'}}}}}}}}]"
        );
        let run = Run::new(&text);
        let fits = levels + 2 <= 64;
        assert_eq!(run.state.status == Status::Running, fits, "{levels}: {:?}", run.state.error);
        if !fits {
            let error = run.state.error.expect("an error");
            assert!(error.detail.expect("a detail").contains("deeper"), "{levels}");
        }
    }
}

#[test]
fn an_output_that_is_too_deep_is_a_fatal_failure() {
    for (levels, status) in [(64, Status::Completed), (65, Status::Faulted), (120, Status::Faulted)]
    {
        let mut run = Run::new("do: [{a: {call: work}}]");
        run.completes(nested(levels));
        assert_eq!(run.state.status, status, "{levels}");
    }
}

#[test]
fn forks_in_forks_can_be_read_again() {
    let inner = (0..10).fold("{call: work}".to_owned(), |inner, level| {
        format!("{{fork: {{branches: [{{f{level}: {inner}}}]}}}}")
    });
    let mut run = Run::new(&format!("do: [{{a: {inner}}}]"));
    run.completes(nested(64));
    assert_eq!(run.state.status, Status::Completed, "{:?}", run.state.error);
}

#[test]
fn nothing_is_given_out_behind_the_end_of_a_run() {
    let mut run = Run::new(
        "do: [{both: {fork: {branches: [\n\
         {a: {call: slow, metadata: {kintsugi: {start_to_close: 3s, retry: {maximum_attempts: 1}}}}},\n\
         {b: {try: [{c: {call: bad}}], catch: {retry: {delay: PT3S, backoff: {constant: {}}}}}}]}}}]",
    );
    let tasks: Vec<(u64, String)> =
        run.state.tasks().map(|task| (task.task, task.state.task_type.clone())).collect();
    let number = |wanted: &str| tasks.iter().find(|(_, of)| of == wanted).expect("it is open").0;
    let (slow, bad) = (number("slow"), number("bad"));
    let worker = || "w".to_owned();
    run.tell(10, Input::Started { task: slow, epoch: 1, worker: worker(), at: Timestamp(10) });
    let fault = Fault { message: "no".to_owned(), fatal: true, ..Fault::default() };
    run.tell(10, Input::Failed { task: bad, epoch: 1, fault, worker: worker(), started_at: None });
    // The time limit of the one and the retry of the other are due in the same moment.
    let out = run.tell(60_000, Input::Tick);
    assert_eq!(run.state.status, Status::Faulted);
    assert!(matches!(out.events.last(), Some(Event::RunFaulted { .. })), "{:?}", out.events);
    let given = out.effects.iter().any(|effect| matches!(effect, Effect::Dispatch { .. }));
    assert!(!given, "{:?}", out.effects);
}
