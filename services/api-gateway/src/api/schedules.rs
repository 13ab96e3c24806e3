//! Schedules: list, show, pause, resume.

use kintsugi_gateway_ops::{
    self as ops,
    types::{Schedule, SchedulePage},
};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Shared, Tag, failure::failure};

pub(crate) struct Schedules;

failure!(ReadFailure:
    400 "A parameter is unknown or malformed.",
    404 "There is no such schedule.",
    503 "The store did not answer.",
);

#[OpenApi]
impl Schedules {
    /// List schedules
    #[oai(
        path = "/v1/schedules",
        method = "get",
        operation_id = "listSchedules",
        tag = "Tag::Schedules"
    )]
    async fn list(
        &self,
        app: Shared<'_>,
        /// Only those of this namespace.
        namespace: Query<Option<String>>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<SchedulePage>, ReadFailure> {
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(ops::schedules::list(app.0, namespace.0.as_deref(), page).await?))
    }

    /// Show a schedule
    ///
    /// The newest version of a definition states it, unless that is retired.
    #[oai(
        path = "/v1/schedules/:namespace/:name",
        method = "get",
        operation_id = "getSchedule",
        tag = "Tag::Schedules"
    )]
    async fn get(
        &self,
        app: Shared<'_>,
        /// The namespace.
        namespace: Path<String>,
        /// The name.
        name: Path<String>,
    ) -> Result<Json<Schedule>, ReadFailure> {
        Ok(Json(ops::schedules::get(app.0, &namespace.0, &name.0).await?))
    }

    /// Pause a schedule
    ///
    /// It starts no runs until it is resumed, also when a newer version is registered. Runs that are
    /// open go on. Doing it again changes nothing.
    #[oai(
        path = "/v1/schedules/:namespace/:name/pause",
        method = "post",
        operation_id = "pauseSchedule",
        tag = "Tag::Schedules"
    )]
    async fn pause(
        &self,
        app: Shared<'_>,
        /// The namespace.
        namespace: Path<String>,
        /// The name.
        name: Path<String>,
    ) -> Result<Json<Schedule>, ReadFailure> {
        Ok(Json(ops::schedules::pause(app.0, &namespace.0, &name.0, true).await?))
    }

    /// Resume a schedule
    ///
    /// It goes on with the next due time or event; those that passed meanwhile have no runs. Doing it again
    /// changes nothing.
    #[oai(
        path = "/v1/schedules/:namespace/:name/resume",
        method = "post",
        operation_id = "resumeSchedule",
        tag = "Tag::Schedules"
    )]
    async fn resume(
        &self,
        app: Shared<'_>,
        /// The namespace.
        namespace: Path<String>,
        /// The name.
        name: Path<String>,
    ) -> Result<Json<Schedule>, ReadFailure> {
        Ok(Json(ops::schedules::pause(app.0, &namespace.0, &name.0, false).await?))
    }
}
