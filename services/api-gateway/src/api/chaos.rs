//! Trials of engines that are broken on purpose; off unless `chaos.enabled`.

use std::sync::Arc;

use kintsugi_gateway_chaos::Chaos;
use kintsugi_gateway_ops::{
    self as ops,
    types::{ChaosRequest, ChaosTrial, ChaosTrialPage},
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Shared, Tag, failure::failure};
use crate::body::JsonBody;

pub(crate) struct ChaosApi;

/// How handlers get at the trials.
type Trials<'a> = Data<&'a Arc<Chaos>>;

#[derive(ApiResponse)]
pub(crate) enum Start {
    /// It runs.
    #[oai(status = 202)]
    Started(
        Json<ChaosTrial>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
    ),
}

failure!(StartFailure:
    400 "The body is no JSON.",
    403 "Trials are off at this gateway.",
    404 "There is no such definition.",
    409 "One runs already.",
    413 "The body is too large.",
    415 "The content type is not taken.",
    422 "The body is JSON, but no trial that can be.",
    503 "The store did not answer, or the trial cannot be started.",
);
failure!(ListFailure:
    400 "A parameter is unknown or malformed.",
    403 "Trials are off at this gateway.",
    503 "The folder of trials cannot be used.",
);
failure!(TrialFailure:
    400 "A parameter is unknown.",
    403 "Trials are off at this gateway.",
    404 "There is no such trial.",
    503 "The folder of trials cannot be used.",
);

#[OpenApi]
impl ChaosApi {
    /// Start a trial
    ///
    /// Starts an engine of its own on this gateway's machine, as `kintsugi chaos` does: puts it under load, breaks it
    /// in every way from a seed, and checks everything that it stored. This engine is not touched, but its machine is
    /// loaded. One at a time.
    #[oai(path = "/v1/chaos", method = "post", operation_id = "startTrial", tag = "Tag::Chaos")]
    async fn start(
        &self,
        app: Shared<'_>,
        trials: Trials<'_>,
        body: JsonBody<ChaosRequest>,
    ) -> Result<Start, StartFailure> {
        let trial = trials.start(app.0, body.0).await?;
        let location = format!("/v1/chaos/{}", trial.id);
        Ok(Start::Started(Json(trial), location))
    }

    /// List trials
    ///
    /// Those of this gateway, newest first. The last hundred are remembered.
    #[oai(path = "/v1/chaos", method = "get", operation_id = "listTrials", tag = "Tag::Chaos")]
    async fn list(
        &self,
        trials: Trials<'_>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ChaosTrialPage>, ListFailure> {
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(trials.list(page).await?))
    }

    /// Show a trial
    ///
    /// While it runs, what it has said so far; in the end, the verdict.
    #[oai(path = "/v1/chaos/:id", method = "get", operation_id = "getTrial", tag = "Tag::Chaos")]
    async fn get(
        &self,
        trials: Trials<'_>,
        /// Which.
        id: Path<String>,
    ) -> Result<Json<ChaosTrial>, TrialFailure> {
        Ok(Json(trials.get(&id.0).await?))
    }

    /// Stop a trial
    ///
    /// Answered once its processes and its folder are gone, which takes some seconds. There is no verdict then.
    /// What is over stays as it is.
    #[oai(
        path = "/v1/chaos/:id",
        method = "delete",
        operation_id = "stopTrial",
        tag = "Tag::Chaos"
    )]
    async fn stop(
        &self,
        trials: Trials<'_>,
        /// Which.
        id: Path<String>,
    ) -> Result<Json<ChaosTrial>, TrialFailure> {
        Ok(Json(trials.stop(&id.0).await?))
    }
}
