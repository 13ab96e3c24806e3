//! Workers, recoveries, the system's summary and its metrics.

use kintsugi_gateway_ops::{
    self as ops,
    types::{PromiseList, RecoveryPage, WorkerList},
};
use poem_openapi::{
    OpenApi,
    param::Query,
    payload::{Json, PlainText},
};
use serde_json::Value;

use super::{Shared, Tag, failure::failure};

pub(crate) struct System;

failure!(ReadFailure:
    400 "A parameter is unknown or malformed.",
    503 "The store did not answer.",
);
failure!(MonitoringFailure:
    503 "The monitoring service did not answer.",
);

#[OpenApi]
impl System {
    /// List workers
    ///
    /// As this gateway knows them by their heartbeats, since it started.
    #[oai(path = "/v1/workers", method = "get", operation_id = "listWorkers", tag = "Tag::System")]
    async fn workers(&self, app: Shared<'_>) -> Json<WorkerList> {
        Json(ops::system::workers(app.0))
    }

    /// Show the recovery log
    ///
    /// Every break and how it was mended, newest first.
    #[oai(
        path = "/v1/recoveries",
        method = "get",
        operation_id = "listRecoveries",
        tag = "Tag::System"
    )]
    async fn recoveries(
        &self,
        app: Shared<'_>,
        /// Only those of this run.
        run: Query<Option<String>>,
        /// Only those of this kind, e.g. `worker_dead`.
        kind: Query<Option<String>>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<RecoveryPage>, ReadFailure> {
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(ops::system::recoveries(app.0, run.0.as_deref(), kind.0.as_deref(), page).await?))
    }

    /// Summarize the system
    ///
    /// Services, streams, queues, lag, workers and counts, from the monitoring service.
    #[oai(path = "/v1/system", method = "get", operation_id = "getSystem", tag = "Tag::System")]
    async fn system(&self, app: Shared<'_>) -> Result<Json<Value>, MonitoringFailure> {
        Ok(Json(ops::system::summary(app.0).await?))
    }

    /// How the promises are kept
    ///
    /// P1 to P9, each with how often it was compared, broken and mended, and what stands. Every breach
    /// is an entry of the recovery log of kind `promise_breached`.
    #[oai(
        path = "/v1/promises",
        method = "get",
        operation_id = "listPromises",
        tag = "Tag::System"
    )]
    async fn promises(&self, app: Shared<'_>) -> Result<Json<PromiseList>, MonitoringFailure> {
        Ok(Json(ops::system::promises(app.0).await?))
    }

    /// Metrics for Prometheus
    #[oai(path = "/metrics", method = "get", operation_id = "getMetrics", tag = "Tag::System")]
    async fn metrics(&self, app: Shared<'_>) -> Result<PlainText<String>, MonitoringFailure> {
        Ok(PlainText(ops::system::metrics(app.0).await?))
    }
}
