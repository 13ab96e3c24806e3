//! Dead letters: list, show, redrive.

#![expect(clippy::too_many_arguments, reason = "an operation has one for each query parameter")]

use kintsugi_gateway_ops::{
    self as ops,
    types::{DeadLetter, DeadLetterPage, RedriveRequest, Redriven},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Shared, Tag, failure::failure};
use crate::body::OptionalJsonBody;

pub(crate) struct DeadLetters;

#[derive(ApiResponse)]
pub(crate) enum Redrive {
    /// The task gets new attempts in a moment.
    #[oai(status = 202)]
    Accepted(Json<Redriven>),
}

failure!(ReadFailure:
    400 "A parameter is unknown or malformed.",
    404 "There is no such dead letter.",
    503 "The store did not answer.",
);
failure!(RedriveFailure:
    400 "The body is no JSON.",
    404 "There is no such dead letter.",
    409 "The dead letter is not open.",
    413 "The input is too large.",
    415 "The content type is not taken.",
    422 "The body is JSON, but no redrive.",
    503 "The store or the bus did not answer.",
);

#[OpenApi]
impl DeadLetters {
    /// List dead letters
    ///
    /// Newest first.
    #[oai(
        path = "/v1/dead-letters",
        method = "get",
        operation_id = "listDeadLetters",
        tag = "Tag::DeadLetters"
    )]
    async fn list(
        &self,
        app: Shared<'_>,
        /// `open` or `redriven`.
        status: Query<Option<String>>,
        /// Only those of this run.
        run: Query<Option<String>>,
        /// Only those of this task type.
        r#type: Query<Option<String>>,
        /// Only those of this queue.
        queue: Query<Option<String>>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<DeadLetterPage>, ReadFailure> {
        let filter = ops::dead_letters::Filter {
            status: status.0,
            run: run.0,
            kind: r#type.0,
            queue: queue.0,
        };
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(ops::dead_letters::list(app.0, filter, page).await?))
    }

    /// Show a dead letter
    #[oai(
        path = "/v1/dead-letters/:id",
        method = "get",
        operation_id = "getDeadLetter",
        tag = "Tag::DeadLetters"
    )]
    async fn get(
        &self,
        app: Shared<'_>,
        /// `run:number:epoch`.
        id: Path<String>,
    ) -> Result<Json<DeadLetter>, ReadFailure> {
        Ok(Json(ops::dead_letters::get(app.0, &id.0).await?))
    }

    /// Redrive a dead letter
    ///
    /// Gives the task new attempts, with its own input or with the one given. A run that it had
    /// faulted goes on.
    #[oai(
        path = "/v1/dead-letters/:id/redrive",
        method = "post",
        operation_id = "redriveDeadLetter",
        tag = "Tag::DeadLetters"
    )]
    async fn redrive(
        &self,
        app: Shared<'_>,
        /// `run:number:epoch`.
        id: Path<String>,
        body: OptionalJsonBody<RedriveRequest>,
    ) -> Result<Redrive, RedriveFailure> {
        let redriven = ops::dead_letters::redrive(app.0, &id.0, body.0.input).await?;
        Ok(Redrive::Accepted(Json(redriven)))
    }
}
