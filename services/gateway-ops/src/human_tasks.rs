//! Tasks that people do: list, show, answer.

use kintsugi_core::{Input, Kind, RunId};
use kintsugi_entities::{HumanTaskFilter, HumanTaskRow, HumanTaskStatus, Page};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    app::App,
    ask::time,
    definitions,
    problem::Problem,
    requests,
    types::{AnswerRequest, Answered, HumanTask, HumanTaskPage},
};

/// The longest name of who answers, in characters.
const BY_MAX: usize = 200;

/// What a list is restricted to.
#[derive(Debug, Default)]
pub struct Filter {
    /// `open`, `answered` or `withdrawn`.
    pub status: Option<String>,
    /// A run.
    pub run: Option<String>,
    /// A person or group.
    pub assignee: Option<String>,
}

/// What a row keeps in one piece.
#[derive(Deserialize)]
struct Question {
    description: Option<String>,
    data: Option<Value>,
    form: Option<Value>,
}

/// A page of tasks.
///
/// # Errors
///
/// 400 for an unknown status or a foreign cursor, 503.
pub async fn list(app: &App, filter: Filter, page: Page) -> Result<HumanTaskPage, Problem> {
    let unknown = |text: &str| {
        let shown: String = text.chars().take(80).collect();
        let title = format!("`{shown}` is no status of a human task");
        Problem::bad_request("invalid_parameter", title).detail("one of open, answered, withdrawn")
    };
    let status = filter
        .status
        .map(|text| HumanTaskStatus::parse(&text).ok_or_else(|| unknown(&text)))
        .transpose()?;
    let run = filter.run.as_deref().map(RunId::parse).transpose();
    let run = run.map_err(|e| Problem::bad_request("invalid_parameter", e.to_string()))?;
    let filter =
        HumanTaskFilter { status, run, assignee: filter.assignee, ..HumanTaskFilter::default() };
    let found = app.store.human_tasks_list(&filter, page).await;
    let found = found.map_err(|e| app.store_problem(e))?;
    let items = found.items.into_iter().map(shown).collect::<Result<_, _>>()?;
    Ok(HumanTaskPage { items, next: found.next })
}

/// One task.
///
/// # Errors
///
/// 404, 503.
pub async fn get(app: &App, id: &str) -> Result<HumanTask, Problem> {
    shown(row(app, id).await?)
}

/// Keeps an answer for the run, and tells it. The first answer counts; the same again is taken as
/// a repeat.
///
/// # Errors
///
/// 404, 409 when it is not open or is being answered otherwise, 413, 422 when the answer does not
/// fit the form, 503.
pub async fn answer(app: &App, id: &str, asked: AnswerRequest) -> Result<Answered, Problem> {
    let AnswerRequest { answer, by } = asked;
    let limit = app.config.input_bytes_max;
    if answer.to_string().len() > limit {
        return Err(Problem::too_large("the answer", limit));
    }
    crate::ask::shallow(&answer)?;
    if by.as_ref().is_some_and(|by| by.trim().is_empty() || by.chars().count() > BY_MAX) {
        let title = format!("`by` must have 1 to {BY_MAX} characters");
        return Err(Problem::unprocessable("invalid_body", title));
    }
    let row = row(app, id).await?;
    if row.status != HumanTaskStatus::Open {
        let title = format!("the task {} is not open: it is {}", row.id, row.status.as_str());
        return Err(Problem::conflict("not_open", title));
    }
    let has_form = question(&row)?.form.is_some();
    if has_form {
        let form = |kind: &Kind| match kind {
            Kind::Human(human) => human.form,
            _ => None,
        };
        let what = ("unfit_answer", "the answer does not fit the form");
        definitions::fits(app, (&row.definition, &row.pointer), form, answer.clone(), what).await?;
    }
    let told = Input::Answered { task: row.task, answer, by };
    requests::answer(app, &row.run, &row.id, told).await?;
    Ok(Answered { id: row.id, run: row.run.to_string() })
}

async fn row(app: &App, id: &str) -> Result<HumanTaskRow, Problem> {
    let found = app.store.human_task_get(id).await.map_err(|e| app.store_problem(e))?;
    found.ok_or_else(|| {
        let shown: String = id.chars().take(120).collect();
        Problem::not_found("human_task_not_found", format!("there is no human task {shown}"))
    })
}

fn question(row: &HumanTaskRow) -> Result<Question, Problem> {
    serde_json::from_slice(&row.question).map_err(|_| Problem::internal())
}

fn shown(row: HumanTaskRow) -> Result<HumanTask, Problem> {
    let Question { description, data, form } = question(&row)?;
    Ok(HumanTask {
        status: row.status.as_str().to_owned(),
        run: row.run.to_string(),
        definition: row.definition,
        pointer: row.pointer,
        title: row.title,
        description,
        data,
        form,
        assignees: row.assignees,
        created_at: time(row.created_at),
        due_at: row.due_at.map(time),
        escalated_at: row.escalated_at.map(time),
        ended_at: row.ended_at.map(time),
        answered_by: row.answered_by,
        id: row.id,
    })
}
