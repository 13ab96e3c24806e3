//! Redrives of many dead letters.

use kintsugi_gateway_letters::{self as letters, Order, Wanted};
use kintsugi_gateway_ops::{
    self as ops,
    types::{RedriveJob, RedriveJobPage, RedriveOrder, RedrivePreview, RedrivesRequest},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Shared, Tag, failure::failure};
use crate::body::{JsonBody, OptionalJsonBody};

pub(crate) struct Redrives;

#[derive(ApiResponse)]
#[expect(clippy::large_enum_variant, reason = "it is made once a request and written at once")]
pub(crate) enum Asked {
    /// It is kept, and begins in a moment.
    #[oai(status = 201)]
    Kept(Json<RedriveJob>),
    /// A dry run: what would be redriven. Nothing was changed.
    #[oai(status = 200)]
    Preview(Json<RedrivePreview>),
}

failure!(AskFailure:
    400 "The body is no JSON, or names no run or time.",
    409 "None of them is open, or as many redrives are not over as may be.",
    413 "The body or the patch is too large.",
    415 "The content type is not taken.",
    422 "The body is JSON, but does not say which, or why, or no such redrive can be.",
    503 "The store did not answer.",
);
failure!(ReadFailure:
    400 "A parameter is unknown or malformed.",
    404 "There is no such redrive.",
    503 "The store did not answer.",
);
failure!(OrderFailure:
    400 "The body is no JSON.",
    404 "There is no such redrive.",
    409 "It is over.",
    413 "The body is too large.",
    415 "The content type is not taken.",
    422 "`by` or `reason` is too long or empty.",
    503 "The store did not answer.",
);

#[OpenApi]
impl Redrives {
    /// Redrive many dead letters
    ///
    /// One, a group or whatever a query names; 10,000 at most, the oldest first. At a rate, a few first, and no
    /// further when too many of them die again. With `dry_run` it says only what would be redriven.
    #[oai(
        path = "/v1/redrives",
        method = "post",
        operation_id = "redriveDeadLetters",
        tag = "Tag::DeadLetters"
    )]
    async fn redrive(
        &self,
        app: Shared<'_>,
        body: JsonBody<RedrivesRequest>,
    ) -> Result<Asked, AskFailure> {
        Ok(match letters::redrive(app.0, body.0).await? {
            Wanted::Kept(job) => Asked::Kept(Json(*job)),
            Wanted::Preview(preview) => Asked::Preview(Json(preview)),
        })
    }

    /// List redrives
    ///
    /// Newest first. The last hundred that are over are remembered.
    #[oai(
        path = "/v1/redrives",
        method = "get",
        operation_id = "listRedrives",
        tag = "Tag::DeadLetters"
    )]
    async fn list(
        &self,
        app: Shared<'_>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<RedriveJobPage>, ReadFailure> {
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(letters::redrives(app.0, page).await?))
    }

    /// Show a redrive
    #[oai(
        path = "/v1/redrives/:id",
        method = "get",
        operation_id = "getRedrive",
        tag = "Tag::DeadLetters"
    )]
    async fn get(
        &self,
        app: Shared<'_>,
        /// Which.
        id: Path<String>,
    ) -> Result<Json<RedriveJob>, ReadFailure> {
        Ok(Json(letters::redrive_get(app.0, &id.0).await?))
    }

    /// Pause a redrive
    ///
    /// It asks no more letters until it is resumed. What was asked goes on.
    #[oai(
        path = "/v1/redrives/:id/pause",
        method = "post",
        operation_id = "pauseRedrive",
        tag = "Tag::DeadLetters"
    )]
    async fn pause(
        &self,
        app: Shared<'_>,
        /// Which.
        id: Path<String>,
        body: OptionalJsonBody<RedriveOrder>,
    ) -> Result<Json<RedriveJob>, OrderFailure> {
        Ok(Json(letters::redrive_order(app.0, &id.0, Order::Pause, body.0).await?))
    }

    /// Resume a redrive
    #[oai(
        path = "/v1/redrives/:id/resume",
        method = "post",
        operation_id = "resumeRedrive",
        tag = "Tag::DeadLetters"
    )]
    async fn resume(
        &self,
        app: Shared<'_>,
        /// Which.
        id: Path<String>,
        body: OptionalJsonBody<RedriveOrder>,
    ) -> Result<Json<RedriveJob>, OrderFailure> {
        Ok(Json(letters::redrive_order(app.0, &id.0, Order::Resume, body.0).await?))
    }

    /// Cancel a redrive
    ///
    /// It asks no more letters, ever; those stay open. What was asked goes on.
    #[oai(
        path = "/v1/redrives/:id/cancel",
        method = "post",
        operation_id = "cancelRedrive",
        tag = "Tag::DeadLetters"
    )]
    async fn cancel(
        &self,
        app: Shared<'_>,
        /// Which.
        id: Path<String>,
        body: OptionalJsonBody<RedriveOrder>,
    ) -> Result<Json<RedriveJob>, OrderFailure> {
        Ok(Json(letters::redrive_order(app.0, &id.0, Order::Cancel, body.0).await?))
    }
}
