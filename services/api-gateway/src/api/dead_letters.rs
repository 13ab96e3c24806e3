//! Dead letters: list, group, show, redrive, discard.

#![expect(clippy::too_many_arguments, reason = "an operation has one for each query parameter")]

use kintsugi_gateway_letters as letters;
use kintsugi_gateway_ops::{
    self as ops,
    types::{
        DeadLetter, DeadLetterGroupPage, DeadLetterPage, DeadLetterQuery, Discard, DiscardPage,
        DiscardRequest, RedriveRequest, Redriven, UndoRequest,
    },
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Shared, Tag, failure::failure};
use crate::body::{JsonBody, OptionalJsonBody};

pub(crate) struct DeadLetters;

#[derive(ApiResponse)]
pub(crate) enum Redrive {
    /// The task gets new attempts in a moment.
    #[oai(status = 202)]
    Accepted(Json<Redriven>),
}

#[derive(ApiResponse)]
pub(crate) enum Discarded {
    /// They are closed.
    #[oai(status = 201)]
    Done(Json<Discard>),
}

failure!(DiscardFailure:
    400 "The body is no JSON, or names no run or time.",
    409 "None of them is open.",
    413 "The body is too large.",
    415 "The content type is not taken.",
    422 "The body is JSON, but does not say which, or why.",
    503 "The store did not answer.",
);
failure!(UndoFailure:
    400 "The body is no JSON.",
    404 "There is no such discard.",
    409 "It was taken back before, or it is too late.",
    413 "The body is too large.",
    415 "The content type is not taken.",
    422 "`by` or `reason` is too long or empty.",
    503 "The store did not answer.",
);
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
        /// `open`, `redriven` or `discarded`.
        status: Query<Option<String>>,
        /// Only those of this run.
        run: Query<Option<String>>,
        /// Only those of this task type.
        r#type: Query<Option<String>>,
        /// Only those of this queue.
        queue: Query<Option<String>>,
        /// Only those with this fingerprint.
        fingerprint: Query<Option<String>>,
        /// Only those of definitions whose `namespace/name:version` begins so.
        definition: Query<Option<String>>,
        /// Only those whose last error is of this type (a URI).
        error: Query<Option<String>>,
        /// Only those that were dead-lettered at this time or later.
        from: Query<Option<String>>,
        /// Only those that were dead-lettered before this time.
        to: Query<Option<String>>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<DeadLetterPage>, ReadFailure> {
        let query = DeadLetterQuery {
            id: None,
            fingerprint: fingerprint.0,
            run: run.0,
            definition: definition.0,
            kind: r#type.0,
            queue: queue.0,
            error: error.0,
            from: from.0,
            to: to.0,
        };
        let (status, page) = (status.0.as_deref(), ops::page(limit.0, cursor.0)?);
        Ok(Json(ops::dead_letters::list(app.0, status, &query, page).await?))
    }

    /// Group open dead letters
    ///
    /// By what they died of, and where; the group that grew last first.
    #[oai(
        path = "/v1/dead-letters/groups",
        method = "get",
        operation_id = "listDeadLetterGroups",
        tag = "Tag::DeadLetters"
    )]
    async fn groups(
        &self,
        app: Shared<'_>,
        /// Only this group.
        fingerprint: Query<Option<String>>,
        /// Only those of this run.
        run: Query<Option<String>>,
        /// Only those of this task type.
        r#type: Query<Option<String>>,
        /// Only those of this queue.
        queue: Query<Option<String>>,
        /// Only those of definitions whose `namespace/name:version` begins so.
        definition: Query<Option<String>>,
        /// Only those whose last error is of this type (a URI).
        error: Query<Option<String>>,
        /// Only those that were dead-lettered at this time or later.
        from: Query<Option<String>>,
        /// Only those that were dead-lettered before this time.
        to: Query<Option<String>>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<DeadLetterGroupPage>, ReadFailure> {
        let query = DeadLetterQuery {
            id: None,
            fingerprint: fingerprint.0,
            run: run.0,
            definition: definition.0,
            kind: r#type.0,
            queue: queue.0,
            error: error.0,
            from: from.0,
            to: to.0,
        };
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(letters::groups(app.0, &query, page).await?))
    }

    /// Discard dead letters
    ///
    /// Closes open ones that nobody will redrive, with a reason: one, a group or whatever a query names; 10,000
    /// at most, the oldest first. Their runs stay as they are. It can be taken back for a while.
    #[oai(
        path = "/v1/discards",
        method = "post",
        operation_id = "discardDeadLetters",
        tag = "Tag::DeadLetters"
    )]
    async fn discard(
        &self,
        app: Shared<'_>,
        body: JsonBody<DiscardRequest>,
    ) -> Result<Discarded, DiscardFailure> {
        Ok(Discarded::Done(Json(letters::discard(app.0, body.0).await?)))
    }

    /// List discards
    ///
    /// Newest first. The last thousand are remembered.
    #[oai(
        path = "/v1/discards",
        method = "get",
        operation_id = "listDiscards",
        tag = "Tag::DeadLetters"
    )]
    async fn discards(
        &self,
        app: Shared<'_>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<DiscardPage>, ReadFailure> {
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(letters::discards(app.0, page).await?))
    }

    /// Take a discard back
    ///
    /// Its letters are open again. For a while only: `undo_until`.
    #[oai(
        path = "/v1/discards/:id/undo",
        method = "post",
        operation_id = "undoDiscard",
        tag = "Tag::DeadLetters"
    )]
    async fn undo(
        &self,
        app: Shared<'_>,
        /// Which.
        id: Path<String>,
        body: OptionalJsonBody<UndoRequest>,
    ) -> Result<Json<Discard>, UndoFailure> {
        Ok(Json(letters::undo(app.0, &id.0, body.0).await?))
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
