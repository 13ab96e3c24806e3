//! Asks a run's own machine, on a copy of its state, what would come of a request.

use kintsugi_core::{DefinitionRef, Steer};
use kintsugi_deciding::{Named, Refused, Rehearsal};
use kintsugi_definition::{Expressions, Limits};
use kintsugi_gateway_ops::{App, Problem, definitions};
use tokio::task::spawn_blocking;

/// What is asked, with the number of its task.
///
/// # Errors
///
/// 409 or 422 with the machine's own words when it would refuse, 503.
pub(crate) async fn rehearse(
    app: &App,
    definition: &str,
    rehearsal: Rehearsal,
    asked: (Steer, Option<Named>),
) -> Result<Steer, Problem> {
    let definition = DefinitionRef::parse(definition).map_err(|_| Problem::internal())?;
    let program = definitions::program(app, &definition).await?;
    let tried = spawn_blocking(move || {
        let expressions =
            Expressions::new(&program, Limits::default()).map_err(|_| Problem::internal())?;
        kintsugi_deciding::rehearse((&program, &expressions), rehearsal, asked).map_err(refused)
    });
    tried.await.map_err(|_| Problem::internal())?
}

fn refused(refused: Refused) -> Problem {
    match refused {
        Refused::Machine(code, detail) => problem(&code, detail),
        Refused::NotOpen(pointer) => {
            let shown: String = pointer.chars().take(200).collect();
            problem("task_not_open", format!("the run has no open task at {shown}"))
        }
        Refused::Several(pointer, numbers) => {
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            let title = format!("several tasks are open at {pointer}");
            let detail = format!("name one by its number: {}", numbers.join(", "));
            Problem::conflict("several_open", title).detail(detail)
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
