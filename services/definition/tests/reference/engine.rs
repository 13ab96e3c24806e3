//! The run machine among failures: its owner dies between any two inputs, attempts are lost, and
//! what it is told comes late, twice and in any order.

use std::collections::BTreeMap;

use kintsugi_core::{
    Effect, Fault, Input, LossCause, Machine, Program, RunId, RunState, Status, Timestamp,
};
use kintsugi_definition::{Expressions, Limits};
use serde_json::{Value, json};

/// An attempt that is out.
struct Attempt {
    task: u64,
    epoch: u64,
    input: Value,
}

/// Runs a program to its end; gives its output or its error.
pub(crate) fn run(program: &Program, input: &Value, seed: u64) -> Result<Value, Value> {
    let expressions = Expressions::new(program, Limits::default()).unwrap();
    let id = RunId::parse("r").unwrap();
    let mut chance = Chance(seed | 1);
    let mut state = RunState::new(input.clone(), Timestamp(0));
    let (mut out, mut failures, mut losses) =
        (Vec::<Attempt>::new(), BTreeMap::new(), BTreeMap::new());
    let (mut next, mut now, mut past) = (Input::Start, 0, Vec::new());
    for _ in 0..100_000 {
        let outcome =
            Machine::advance(&id, program, &expressions, &mut state, &next, Timestamp(now));
        // The next owner knows no more than what was stored.
        state = serde_json::from_value(serde_json::to_value(&state).unwrap()).unwrap();
        past.push(next);
        for effect in outcome.effects {
            match effect {
                Effect::Dispatch { task, epoch, input, .. } => {
                    out.push(Attempt { task, epoch, input })
                }
                Effect::Cancel { task, .. } => out.retain(|attempt| attempt.task != task),
                _ => {}
            }
        }
        if state.status.is_terminal() {
            return match state.status {
                Status::Completed => Ok(state.output.unwrap_or_default()),
                _ => Err(serde_json::to_value(state.error).unwrap()),
            };
        }
        now += i64::try_from(chance.below(20)).unwrap();
        next = match chance.below(10) {
            // A repeat.
            0 => past[chance.below(past.len())].clone(),
            1..8 if !out.is_empty() => {
                let attempt = out.remove(chance.below(out.len()));
                answer(attempt, &mut chance, &mut failures, &mut losses, now)
            }
            _ => {
                if out.is_empty() {
                    now = state.wake_at().map_or(now, |at| at.0.max(now));
                }
                Input::Tick
            }
        };
    }
    panic!("the run does not end: {state:?}");
}

/// What comes of an attempt, by the plan in its input.
fn answer(
    Attempt { task, epoch, input }: Attempt,
    chance: &mut Chance,
    failures: &mut BTreeMap<u64, u64>,
    losses: &mut BTreeMap<u64, u64>,
    now: i64,
) -> Input {
    let lost: &mut u64 = losses.entry(task).or_default();
    if *lost < 2 && chance.below(5) == 0 {
        *lost += 1;
        let cause =
            if chance.below(2) == 0 { LossCause::WorkerDead } else { LossCause::MessageLost };
        return Input::Lost {
            task,
            epoch,
            cause,
            worker: None,
            seen_at: Timestamp(now),
            blamed: None,
        };
    }
    let failed: &mut u64 = failures.entry(task).or_default();
    let plan = input["plan"].as_u64().unwrap();
    let worker = "w".to_owned();
    if *failed >= plan {
        let output = json!({"n": input["n"], "worked": true});
        return Input::Completed { task, epoch, output, worker, started_at: None };
    }
    *failed += 1;
    let fault = Fault { message: "no".to_owned(), fatal: plan == 8, ..Fault::default() };
    Input::Failed { task, epoch, fault, worker, started_at: None }
}

/// Xorshift (Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, max: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % max as u64).unwrap()
    }
}
