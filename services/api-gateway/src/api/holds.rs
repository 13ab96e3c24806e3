//! Task types, queues and definitions that are held by hand.

use kintsugi_gateway_ops::{
    self as ops,
    types::{Hold, HoldPage, HoldRequest},
};
use kintsugi_gateway_steer::holds;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Shared, Tag, failure::failure};
use crate::body::OptionalJsonBody;

pub(crate) struct Holds;

#[derive(ApiResponse)]
pub(crate) enum Put {
    /// It is held from now on.
    #[oai(status = 201)]
    Created(Json<Hold>),
    /// It is held already: by whom, why, and since when.
    #[oai(status = 200)]
    Known(Json<Hold>),
}

failure!(PutFailure:
    400 "The body is no JSON, or the kind is unknown.",
    409 "As many things are held as may be.",
    413 "The body is too large.",
    415 "The content type is not taken.",
    422 "The body is JSON, but no hold, or the name is none of that kind.",
    503 "The store did not answer.",
);
failure!(LiftFailure:
    400 "A parameter is unknown or malformed.",
    404 "It is not held.",
    422 "`by` or `reason` is too long or empty.",
    503 "The store did not answer.",
);
failure!(ListFailure:
    400 "A parameter is unknown or malformed.",
    503 "The store did not answer.",
);

#[OpenApi]
impl Holds {
    /// Hold a task type, a queue or a definition
    ///
    /// Tasks of a held type or queue wait, and no attempt of theirs is spent; what workers are at goes on.
    /// Runs of a held definition are accepted and do not begin; those that have begun go on.
    #[oai(
        path = "/v1/holds/:kind/:name",
        method = "put",
        operation_id = "putHold",
        tag = "Tag::Steering"
    )]
    async fn put(
        &self,
        app: Shared<'_>,
        /// `task-type`, `queue`, `definition` or `target` (`host:port`).
        kind: Path<String>,
        /// Which; of a definition `namespace/name` for all versions, or `namespace/name:version`, with
        /// the `/` escaped.
        name: Path<String>,
        body: OptionalJsonBody<HoldRequest>,
    ) -> Result<Put, PutFailure> {
        let (hold, is_new) = holds::put(app.0, (&kind.0, &name.0), body.0).await?;
        Ok(if is_new { Put::Created(Json(hold)) } else { Put::Known(Json(hold)) })
    }

    /// Lift a hold
    ///
    /// What waited goes on within a second or so.
    #[oai(
        path = "/v1/holds/:kind/:name",
        method = "delete",
        operation_id = "liftHold",
        tag = "Tag::Steering"
    )]
    async fn lift(
        &self,
        app: Shared<'_>,
        /// `task-type`, `queue`, `definition` or `target` (`host:port`).
        kind: Path<String>,
        /// Which.
        name: Path<String>,
        /// Who.
        by: Query<Option<String>>,
        /// Why, for people.
        reason: Query<Option<String>>,
    ) -> Result<Json<Hold>, LiftFailure> {
        let request = HoldRequest { by: by.0, reason: reason.0 };
        Ok(Json(holds::lift(app.0, (&kind.0, &name.0), request).await?))
    }

    /// List holds
    ///
    /// Newest first. Of those that were lifted the last thousand are remembered.
    #[oai(path = "/v1/holds", method = "get", operation_id = "listHolds", tag = "Tag::Steering")]
    async fn list(
        &self,
        app: Shared<'_>,
        /// Those that were lifted, too. Default: false.
        lifted: Query<Option<bool>>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<HoldPage>, ListFailure> {
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(holds::list(app.0, lifted.0.unwrap_or(false), page).await?))
    }
}
