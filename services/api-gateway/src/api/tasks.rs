//! Tasks of runs.

use kintsugi_gateway_ops::{
    self as ops,
    types::{Task, TaskPage},
};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Shared, Tag, failure::failure};

pub(crate) struct Tasks;

failure!(TaskFailure:
    400 "A parameter is unknown or malformed.",
    404 "There is no such run or task.",
    503 "The store did not answer.",
);

#[OpenApi]
impl Tasks {
    /// List a run's tasks
    ///
    /// Those that workers execute, the newest first, with every attempt. Large payloads are told by their
    /// size. A page may hold fewer tasks than asked for, or none: `next` says whether there are more.
    #[oai(
        path = "/v1/runs/:id/tasks",
        method = "get",
        operation_id = "listTasks",
        tag = "Tag::Tasks"
    )]
    async fn list(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        /// At most so many, 1 to 1000. Default: 200.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<TaskPage>, TaskFailure> {
        let limit = ops::limit(limit.0, 200, 1000)?;
        let id = ops::run_id(&id.0)?;
        Ok(Json(ops::tasks::list(app.0, &id, cursor.0.as_deref(), limit).await?))
    }

    /// Show a task
    #[oai(path = "/v1/tasks/:task", method = "get", operation_id = "getTask", tag = "Tag::Tasks")]
    async fn get(
        &self,
        app: Shared<'_>,
        /// `run:number`.
        task: Path<String>,
    ) -> Result<Json<Task>, TaskFailure> {
        Ok(Json(ops::tasks::get(app.0, &task.0).await?))
    }
}
