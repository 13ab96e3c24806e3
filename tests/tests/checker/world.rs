//! A good world, made by the machine itself, and how it is doctored.

use kintsugi_core::{
    DeadLetterOutcome, Effect, Error, Event, Fault, Input, LossCause, Machine, RunId, RunState,
    Step, Timestamp,
};
use kintsugi_definition::{Expressions, Limits, Settings, compile};
use kintsugi_entities::{DeadLetterRow, DeadLetterStatus};
use kintsugi_nats::DeadLetterMessage;
use serde_json::{Value, json};

use kintsugi_tests::{Answers, Book, Breach, Execution, Ledger, Record, Told, check, expected};

pub(crate) const DEFINITION: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: doctored, version: '1.0.0'}
do:
  - first: {call: ledger, metadata: {kintsugi: {crashes_max: 2,
      retry: {initial_interval: 100ms, maximum_attempts: 2, jitter: 0}}}}
  - second: {call: simulate, metadata: {kintsugi: {retry: {maximum_attempts: 1}, when_exhausted: park}}}
"#;

/// Everything that the checks are about, all of it good.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) book: Book,
    pub(crate) ledger: Ledger,
    pub(crate) answers: Answers,
    pub(crate) told: Vec<Told>,
}

impl World {
    pub(crate) fn breaches(&self) -> Vec<Breach> {
        let (_, mut breaches) = check(&self.book);
        self.ledger.check(&self.book, &mut breaches);
        self.answers.check(&self.book, &mut breaches);
        Told::check(&self.told, &self.book, &mut breaches);
        breaches.0
    }

    pub(crate) fn run(&mut self) -> &mut Record {
        self.book.runs.get_mut("r").unwrap()
    }

    /// Every event of the history, to be changed.
    pub(crate) fn events(&mut self) -> impl Iterator<Item = &mut Event> {
        let rows = self.run().rows.iter_mut();
        rows.flat_map(|(_, steps)| steps.iter_mut().flat_map(|step| step.events.iter_mut()))
    }

    /// The steps with this kind of input.
    pub(crate) fn without(&mut self, unwanted: impl Fn(&Event) -> bool) {
        for (_, steps) in &mut self.run().rows {
            steps.iter_mut().for_each(|step| step.events.retain(|event| !unwanted(event)));
        }
    }

    /// One more event, behind the first that is as wanted.
    pub(crate) fn add(&mut self, behind: impl Fn(&Event) -> bool, event: Event) {
        for (_, steps) in &mut self.run().rows {
            for step in steps {
                if let Some(at) = step.events.iter().position(&behind) {
                    return step.events.insert(at + 1, event);
                }
            }
        }
        panic!("no such event");
    }
}

/// What the machine is told, when; the task is the open one.
fn script(task: u64, epoch: u64) -> Vec<(i64, Input)> {
    let worker = || "w".to_owned();
    let lost = |epoch, cause| Input::Lost {
        task,
        epoch,
        cause,
        worker: Some(worker()),
        seen_at: Timestamp(0),
        blamed: None,
    };
    let failed = |epoch, fatal| Input::Failed {
        task,
        epoch,
        fault: Fault { message: "no".to_owned(), fatal, ..Fault::default() },
        worker: worker(),
        started_at: None,
    };
    let completed = |epoch| Input::Completed {
        task,
        epoch,
        output: json!({"token": format!("t{epoch}")}),
        worker: worker(),
        started_at: None,
    };
    match epoch {
        1 => vec![
            (1_100, failed(1, false)),
            (1_300, Input::Tick),
            (1_400, lost(2, LossCause::WorkerDead)),
            (1_500, completed(1)),
            (1_600, completed(3)),
        ],
        _ => vec![
            (2_100, failed(1, true)),
            (2_200, Input::Redrive { task, epoch: 1, input: None }),
            (2_300, completed(2)),
        ],
    }
}

pub(crate) fn good() -> World {
    let compiled = compile(DEFINITION.as_bytes(), &Settings::default()).unwrap();
    let expressions = Expressions::new(&compiled.program, Limits::default()).unwrap();
    let run = RunId::parse("r").unwrap();
    let mut state = RunState::new(Value::Null, Timestamp(1_000));
    let (mut rows, mut letters) = (Vec::new(), Vec::new());
    let mut tell = |state: &mut RunState, at: i64, input: Input| {
        let (program, at) = (&compiled.program, Timestamp(at));
        let out = Machine::advance(&run, program, &expressions, state, &input, at);
        assert!(out.changed, "{input:?}");
        letters.extend(out.effects.into_iter().filter_map(|effect| letter(&run, effect)));
        let seq = i64::try_from(rows.len()).unwrap() + 1;
        rows.push((seq, vec![Step { at, input, events: out.events }]));
    };
    tell(&mut state, 1_000, Input::Start);
    for round in 1..=2 {
        let task = state.tasks().next().unwrap().task;
        script(task, round).into_iter().for_each(|(at, input)| tell(&mut state, at, input));
    }
    let record = Record {
        id: run.clone(),
        definition: "test/doctored:1.0.0".to_owned(),
        version: i64::try_from(rows.len()).unwrap(),
        status: state.status,
        wake_at: None,
        state,
        rows,
    };
    world(record, (compiled.program, expressions), letters)
}

fn letter(run: &RunId, effect: Effect) -> Option<DeadLetterRow> {
    let Effect::DeadLetter {
        task,
        epoch,
        pointer,
        task_type,
        queue,
        input,
        error,
        failures,
        crashes,
        attempts,
        ..
    } = effect
    else {
        return None;
    };
    Some(DeadLetterRow {
        id: format!("{run}:{task}:{epoch}"),
        run: run.clone(),
        task,
        epoch,
        definition: "test/doctored:1.0.0".to_owned(),
        pointer,
        task_type,
        queue,
        input: serde_json::to_vec(&input).unwrap(),
        error: serde_json::to_vec(&error).unwrap(),
        failures,
        crashes,
        outcome: "park".to_owned(),
        attempts: serde_json::to_vec(&attempts).unwrap(),
        trace_parent: None,
        status: DeadLetterStatus::Redriven,
        created_at: 0,
        redriven_at: Some(1),
        published_at: Some(1),
        fingerprint: String::new(),
        error_type: String::new(),
        discard: None,
    })
}

fn world(
    record: Record,
    program: (kintsugi_core::Program, Expressions),
    letters: Vec<DeadLetterRow>,
) -> World {
    let stream = letters.iter().map(published).collect();
    let first = record.steps().flat_map(|step| &step.events).find_map(|event| match event {
        Event::TaskDispatched { task, .. } => Some(format!("r:{task}")),
        _ => None,
    });
    let task = first.unwrap();
    let line = |epoch, token: Option<&str>| Execution {
        task: task.clone(),
        epoch,
        key: task.clone(),
        pid: 1,
        token: token.map(str::to_owned),
    };
    let lines = [line(1, None), line(1, Some("t1")), line(3, None), line(3, Some("t3"))];
    let answers = Answers {
        accepted: ["r".to_owned()].into(),
        completed: [("r".to_owned(), record.state.output.clone().unwrap())].into(),
        redriven: letters.iter().map(|letter| letter.id.clone()).collect(),
        cancelled: Default::default(),
    };
    let mut book = Book {
        programs: [(record.definition.clone(), program)].into(),
        letters: letters.into_iter().map(|letter| (letter.id.clone(), letter)).collect(),
        stream,
        ..Book::default()
    };
    book.runs.insert("r".to_owned(), record);
    let told = expected(&book);
    let told = told.into_iter().map(|id| Told { id, signed: true, body: "{}".to_owned() });
    World { told: told.collect(), book, ledger: Ledger(lines.to_vec()), answers }
}

fn published(letter: &DeadLetterRow) -> DeadLetterMessage {
    DeadLetterMessage {
        id: letter.id.clone(),
        run: letter.run.clone(),
        task: letter.task,
        epoch: letter.epoch,
        definition: letter.definition.clone(),
        pointer: letter.pointer.clone(),
        task_type: letter.task_type.clone(),
        queue: letter.queue.clone(),
        input: serde_json::from_slice(&letter.input).unwrap(),
        error: serde_json::from_slice::<Error>(&letter.error).unwrap(),
        failures: letter.failures,
        crashes: letter.crashes,
        at: Timestamp(0),
        outcome: DeadLetterOutcome::Park,
        attempts: serde_json::from_slice(&letter.attempts).unwrap(),
        traceparent: None,
    }
}
