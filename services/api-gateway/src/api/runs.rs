//! Runs: start, show, list, cancel, wait for the result.

#![expect(clippy::too_many_arguments, reason = "an operation has one for each query parameter")]

use std::time::Duration;

use kintsugi_gateway_ops::{
    self as ops,
    types::{Accepted, CancelRequest, HistoryPage, Run, RunPage, RunResult, StartRequest, Started},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use super::{Shared, Tag, failure::failure};
use crate::body::{JsonBody, OptionalJsonBody};

pub(crate) struct Runs;

#[derive(ApiResponse)]
pub(crate) enum Start {
    /// The run is in the database.
    #[oai(status = 201)]
    Created(
        Json<Started>,
        /// Where it is now.
        #[oai(header = "Location")]
        String,
    ),
    /// The same request was taken before; this is its run.
    #[oai(status = 200)]
    Repeated(Json<Started>),
}

#[derive(ApiResponse)]
pub(crate) enum Outcome {
    /// The run has ended.
    #[oai(status = 200)]
    Ended(Json<RunResult>),
    /// The run has not ended yet.
    #[oai(status = 202)]
    Open(Json<RunResult>),
}

#[derive(ApiResponse)]
pub(crate) enum Cancel {
    /// The run will be cancelled in a moment.
    #[oai(status = 202)]
    Accepted(Json<Accepted>),
    /// The run has ended already; nothing was done.
    #[oai(status = 200)]
    Ended(Json<Accepted>),
}

failure!(StartFailure:
    400 "The body is no JSON, or a header is malformed.",
    404 "There is no such definition.",
    409 "The id or the idempotency key is taken by another request, or the definition is retired.",
    413 "The input is too large.",
    415 "The content type is not taken.",
    422 "The body is JSON, but no start.",
    503 "The store did not answer.",
);
failure!(RunFailure:
    400 "A parameter is unknown or malformed.",
    404 "There is no such run.",
    503 "The store did not answer.",
);
failure!(CancelFailure:
    400 "The body is no JSON.",
    404 "There is no such run.",
    413 "The body is too large.",
    415 "The content type is not taken.",
    422 "The body is JSON, but no cancellation.",
    503 "The store or the bus did not answer.",
);

#[OpenApi]
impl Runs {
    /// Start a run
    ///
    /// Answered after the run is committed to the database. A repeat of the same request with the
    /// same `id` or `Idempotency-Key` gives the same run.
    #[oai(path = "/v1/runs", method = "post", operation_id = "startRun", tag = "Tag::Runs")]
    async fn start(
        &self,
        app: Shared<'_>,
        body: JsonBody<StartRequest>,
        /// Makes a repeat of the request harmless; 1 to 255 printable ASCII characters, within the
        /// definition's namespace.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        /// W3C trace context; the run's trace continues it.
        traceparent: Header<Option<String>>,
    ) -> Result<Start, StartFailure> {
        let wanted = ops::start::Wanted::from_request(body.0, key.0, traceparent.0)?;
        let (started, is_new) = ops::start::start(app.0, wanted).await?;
        Ok(if is_new {
            let location = format!("/v1/runs/{}", started.id);
            Start::Created(Json(started), location)
        } else {
            Start::Repeated(Json(started))
        })
    }

    /// List runs
    ///
    /// Newest first.
    #[oai(path = "/v1/runs", method = "get", operation_id = "listRuns", tag = "Tag::Runs")]
    async fn list(
        &self,
        app: Shared<'_>,
        /// Only those that stand so.
        status: Query<Option<String>>,
        /// Only those of this definition: `namespace/name:version`, or `namespace/name` for all
        /// versions.
        definition: Query<Option<String>>,
        /// Only those of this namespace.
        namespace: Query<Option<String>>,
        /// Only those that this run started.
        parent: Query<Option<String>>,
        /// Only those that were accepted at this time or later, in UTC, e.g. `2026-11-25T15:00:00Z`.
        created_from: Query<Option<String>>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<RunPage>, RunFailure> {
        let filter = ops::runs::filter(
            status.0.as_deref(),
            definition.0,
            namespace.0,
            parent.0.as_deref(),
            created_from.0.as_deref(),
        )?;
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(ops::runs::list(app.0, &filter, page).await?))
    }

    /// Show a run
    ///
    /// Of very many tasks only the newest are in the answer; `/v1/runs/{id}/tasks` has them all.
    #[oai(path = "/v1/runs/:id", method = "get", operation_id = "getRun", tag = "Tag::Runs")]
    async fn get(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
    ) -> Result<Json<Run>, RunFailure> {
        Ok(Json(ops::runs::get(app.0, &ops::run_id(&id.0)?).await?))
    }

    /// Show a run's history
    ///
    /// Oldest first, gapless by `seq`; with `order=desc` the newest first. A page may hold fewer entries
    /// than asked for, where they are large: `next` says whether there are more.
    #[oai(
        path = "/v1/runs/:id/history",
        method = "get",
        operation_id = "getHistory",
        tag = "Tag::Runs"
    )]
    async fn history(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        /// Only what comes after this `seq`. Default: 0.
        after: Query<Option<i64>>,
        /// Only what comes before this `seq`; with `order=desc`.
        before: Query<Option<i64>>,
        /// `asc` or `desc`. Default: `asc`.
        order: Query<Option<String>>,
        /// At most so many entries, 1 to 1000. Default: 200.
        limit: Query<Option<u32>>,
    ) -> Result<Json<HistoryPage>, RunFailure> {
        let limit = ops::limit(limit.0, 200, 1000)?;
        let id = ops::run_id(&id.0)?;
        let part = ops::runs::Part::of(order.0.as_deref(), after.0, before.0)?;
        Ok(Json(ops::runs::history(app.0, &id, part, limit).await?))
    }

    /// Wait for a run's result
    #[oai(
        path = "/v1/runs/:id/result",
        method = "get",
        operation_id = "getResult",
        tag = "Tag::Runs"
    )]
    async fn result(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        /// How long to wait for the end, e.g. `30s` or `500ms`; at most a minute. Default: `0s`.
        wait: Query<Option<String>>,
    ) -> Result<Outcome, RunFailure> {
        let wait = wait.0.as_deref().map_or(Ok(Duration::ZERO), ops::wait)?;
        let (result, ended) = ops::runs::result(app.0, &ops::run_id(&id.0)?, wait).await?;
        Ok(if ended { Outcome::Ended(Json(result)) } else { Outcome::Open(Json(result)) })
    }

    /// Cancel a run
    #[oai(
        path = "/v1/runs/:id/cancel",
        method = "post",
        operation_id = "cancelRun",
        tag = "Tag::Runs"
    )]
    async fn cancel(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        body: OptionalJsonBody<CancelRequest>,
    ) -> Result<Cancel, CancelFailure> {
        let id = ops::run_id(&id.0)?;
        let (accepted, open) = ops::runs::cancel(app.0, &id, body.0.reason).await?;
        Ok(if open { Cancel::Accepted(Json(accepted)) } else { Cancel::Ended(Json(accepted)) })
    }
}
