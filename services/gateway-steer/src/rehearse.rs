//! Asks a run's own machine, on a copy of its state, what would come of a request.

use kintsugi_core::{
    Body, DefinitionRef, Done, Event, Input, Machine, Program, RunId, RunState, Steer, Timestamp,
};
use kintsugi_definition::{Expressions, Limits};
use kintsugi_gateway_ops::{App, Problem, definitions};
use tokio::task::spawn_blocking;

use crate::order::{self, Task};

/// Open tasks that a problem names at most.
const NAMED_MAX: usize = 20;

/// A run as it stands, with what it will be told before.
pub(crate) struct Rehearsal {
    pub(crate) run: RunId,
    pub(crate) state: RunState,
    pub(crate) before: Vec<Input>,
    pub(crate) now: Timestamp,
}

/// What is asked, with the number of its task.
///
/// # Errors
///
/// 409 or 422 with the machine's own words when it would refuse, 503.
pub(crate) async fn rehearse(
    app: &App,
    definition: &str,
    rehearsal: Rehearsal,
    (asked, task): (Steer, Option<Task>),
) -> Result<Steer, Problem> {
    let definition = DefinitionRef::parse(definition).map_err(|_| Problem::internal())?;
    let program = definitions::program(app, &definition).await?;
    let tried = spawn_blocking(move || play(&program, rehearsal, asked, task));
    tried.await.map_err(|_| Problem::internal())?
}

fn play(
    program: &Program,
    rehearsal: Rehearsal,
    mut asked: Steer,
    task: Option<Task>,
) -> Result<Steer, Problem> {
    let Rehearsal { run, mut state, before, now } = rehearsal;
    let expressions =
        Expressions::new(program, Limits::default()).map_err(|_| Problem::internal())?;
    let tell = |state: &mut RunState, input: &Input| {
        Machine::advance(&run, program, &expressions, state, input, now).events
    };
    for input in &before {
        tell(&mut state, input);
    }
    match task {
        Some(Task::Number(number)) => order::set_task(&mut asked.what, number),
        Some(Task::Reference(pointer)) => {
            order::set_task(&mut asked.what, open_at(program, &state, &pointer)?);
        }
        None => {}
    }
    let events = tell(&mut state, &Input::Steer(asked.clone()));
    let refused = events.into_iter().find_map(|event| match event {
        Event::Steered(said) => match said.done {
            Done::Refused { code, detail, .. } => Some((code, detail)),
            _ => None,
        },
        _ => None,
    });
    match refused {
        Some((code, detail)) => Err(problem(&code, detail)),
        None => Ok(asked),
    }
}

/// The number of the only open task with this reference.
fn open_at(program: &Program, state: &RunState, pointer: &str) -> Result<u64, Problem> {
    let is_there = |frame: &kintsugi_core::Frame| match &frame.body {
        Body::Task(open) => program.node(open.node).is_some_and(|node| node.pointer == pointer),
        Body::List { .. } | Body::Branch { .. } | Body::Core => false,
    };
    let mut looked = 0;
    let open = state.frames.scan(&mut looked).filter(|(_, frame)| is_there(frame));
    let open: Vec<u64> = open.map(|(number, _)| number).take(NAMED_MAX).collect();
    match open.as_slice() {
        [one] => Ok(*one),
        [] => {
            let shown: String = pointer.chars().take(200).collect();
            Err(problem("task_not_open", format!("the run has no open task at {shown}")))
        }
        many => {
            let numbers: Vec<String> = many.iter().map(u64::to_string).collect();
            let title = format!("several tasks are open at {pointer}");
            let detail = format!("name one by its number: {}", numbers.join(", "));
            Err(Problem::conflict("several_open", title).detail(detail))
        }
    }
}

/// A refusal of the machine, in the words of the API.
fn problem(code: &str, title: String) -> Problem {
    match code {
        "run_over" => Problem::conflict("run_over", title),
        "suspended" => Problem::conflict("suspended", title),
        "not_suspended" => Problem::conflict("not_suspended", title),
        "not_begun" => Problem::conflict("not_begun", title),
        "run_held" => Problem::conflict("run_held", title),
        "not_backing_off" => Problem::conflict("not_backing_off", title),
        "task_not_open" => Problem::conflict("task_not_open", title),
        "result_taken" => Problem::conflict("result_taken", title),
        "no_such_task" => Problem::unprocessable("no_such_task", title),
        "input_unknown" => Problem::unprocessable("input_unknown", title),
        "unfit_output" => Problem::unprocessable("unfit_output", title),
        "too_deep" => Problem::unprocessable("too_deep", title),
        _ => Problem::conflict("refused", title),
    }
}
