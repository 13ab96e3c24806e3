//! The registry of task types: register, list, show, remove.

use kintsugi_gateway_ops::{
    self as ops,
    types::{TaskType, TaskTypePage, TaskTypeRemoved},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Shared, Tag, failure::failure};
use crate::body::DocumentBody;

pub(crate) struct TaskTypes;

#[derive(ApiResponse)]
pub(crate) enum Put {
    /// It is registered.
    #[oai(status = 201)]
    Created(Json<TaskType>),
    /// It was registered before, and is now as the body says.
    #[oai(status = 200)]
    Known(Json<TaskType>),
}

failure!(PutFailure:
    409 "There are as many task types as there may be.",
    413 "The body is too large.",
    415 "The content type is not taken.",
    422 "The body or the name is not accepted; `problems` has everything that is wrong.",
    503 "The store did not answer.",
);
failure!(ReadFailure:
    400 "A parameter is unknown or malformed.",
    404 "There is no such task type.",
    503 "The store did not answer.",
);

#[OpenApi]
impl TaskTypes {
    /// Register a task type
    ///
    /// The body, YAML or JSON, says what holds wherever the type is called: `description`, the JSON Schemas `input` and
    /// `output`, and the settings of `metadata.kintsugi`. Definitions keep what they found when they were registered.
    #[oai(
        path = "/v1/task-types/:name",
        method = "put",
        operation_id = "putTaskType",
        tag = "Tag::TaskTypes"
    )]
    async fn put(
        &self,
        app: Shared<'_>,
        /// The name, as `call` has it: `[a-z0-9_-]{1,64}`.
        name: Path<String>,
        body: DocumentBody,
    ) -> Result<Put, PutFailure> {
        let (registered, is_new) = ops::task_types::put(app.0, &name.0, body.0).await?;
        Ok(if is_new { Put::Created(Json(registered)) } else { Put::Known(Json(registered)) })
    }

    /// List task types
    ///
    /// Those of the registry. What workers offer stands in the list of workers.
    #[oai(
        path = "/v1/task-types",
        method = "get",
        operation_id = "listTaskTypes",
        tag = "Tag::TaskTypes"
    )]
    async fn list(
        &self,
        app: Shared<'_>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<TaskTypePage>, ReadFailure> {
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(ops::task_types::list(app.0, page).await?))
    }

    /// Show a task type
    #[oai(
        path = "/v1/task-types/:name",
        method = "get",
        operation_id = "getTaskType",
        tag = "Tag::TaskTypes"
    )]
    async fn get(
        &self,
        app: Shared<'_>,
        /// The name.
        name: Path<String>,
    ) -> Result<Json<TaskType>, ReadFailure> {
        Ok(Json(ops::task_types::get(app.0, &name.0).await?))
    }

    /// Remove a task type
    ///
    /// Definitions that found it when they were registered stay as they are.
    #[oai(
        path = "/v1/task-types/:name",
        method = "delete",
        operation_id = "removeTaskType",
        tag = "Tag::TaskTypes"
    )]
    async fn remove(
        &self,
        app: Shared<'_>,
        /// The name.
        name: Path<String>,
    ) -> Result<Json<TaskTypeRemoved>, ReadFailure> {
        Ok(Json(ops::task_types::remove(app.0, &name.0).await?))
    }
}
