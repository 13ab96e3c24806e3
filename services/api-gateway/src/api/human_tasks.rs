//! Tasks that people do: list, show, answer.

use kintsugi_gateway_ops::{
    self as ops,
    types::{AnswerRequest, Answered, HumanTask, HumanTaskPage},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Shared, Tag, failure::failure};
use crate::body::JsonBody;

pub(crate) struct HumanTasks;

#[derive(ApiResponse)]
pub(crate) enum Answer {
    /// The answer is kept, and the run goes on in a moment.
    #[oai(status = 202)]
    Accepted(Json<Answered>),
}

failure!(ReadFailure:
    400 "A parameter is unknown or malformed.",
    404 "There is no such task.",
    503 "The store did not answer.",
);
failure!(AnswerFailure:
    400 "The body is no JSON.",
    404 "There is no such task.",
    409 "The task is not open, or is being answered otherwise.",
    413 "The answer is too large.",
    415 "The content type is not taken.",
    422 "The body is JSON, but no answer, or the answer does not fit the form.",
    503 "The store or the bus did not answer.",
);

#[OpenApi]
impl HumanTasks {
    /// List tasks that people do
    ///
    /// Newest first.
    #[oai(
        path = "/v1/human-tasks",
        method = "get",
        operation_id = "listHumanTasks",
        tag = "Tag::HumanTasks"
    )]
    async fn list(
        &self,
        app: Shared<'_>,
        /// `open`, `answered` or `withdrawn`.
        status: Query<Option<String>>,
        /// Only those of this run.
        run: Query<Option<String>>,
        /// Only those for this person or group, and those for anyone.
        assignee: Query<Option<String>>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<HumanTaskPage>, ReadFailure> {
        let filter =
            ops::human_tasks::Filter { status: status.0, run: run.0, assignee: assignee.0 };
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(ops::human_tasks::list(app.0, filter, page).await?))
    }

    /// Show a task that a person does
    #[oai(
        path = "/v1/human-tasks/:id",
        method = "get",
        operation_id = "getHumanTask",
        tag = "Tag::HumanTasks"
    )]
    async fn get(
        &self,
        app: Shared<'_>,
        /// `run:number`.
        id: Path<String>,
    ) -> Result<Json<HumanTask>, ReadFailure> {
        Ok(Json(ops::human_tasks::get(app.0, &id.0).await?))
    }

    /// Answer a task that a person does
    ///
    /// The first answer counts; its run goes on with it as the task's output.
    #[oai(
        path = "/v1/human-tasks/:id/answer",
        method = "post",
        operation_id = "answerHumanTask",
        tag = "Tag::HumanTasks"
    )]
    async fn answer(
        &self,
        app: Shared<'_>,
        /// `run:number`.
        id: Path<String>,
        body: JsonBody<AnswerRequest>,
    ) -> Result<Answer, AnswerFailure> {
        let answered = ops::human_tasks::answer(app.0, &id.0, body.0).await?;
        Ok(Answer::Accepted(Json(answered)))
    }
}
