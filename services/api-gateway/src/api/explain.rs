//! Why something does not move.

use kintsugi_gateway_explain as explain;
use kintsugi_gateway_ops::types::Explanation;
use poem_openapi::{OpenApi, param::Path, payload::Json};

use super::{Shared, Tag, failure::failure};

pub(crate) struct Explains;

failure!(ExplainFailure:
    400 "A parameter is unknown or malformed.",
    404 "There is no such thing.",
    503 "The store or the bus did not answer.",
);

#[OpenApi]
impl Explains {
    /// Explain a run
    ///
    /// Why it does not move, or that it does: the chain of causes, since when, what would end them, and
    /// what the engine does next. What each `code` means stands in `docs/explain.md`.
    #[oai(
        path = "/v1/runs/:id/explain",
        method = "get",
        operation_id = "explainRun",
        tag = "Tag::Explain"
    )]
    async fn run(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
    ) -> Result<Json<Explanation>, ExplainFailure> {
        Ok(Json(Box::pin(explain::run(app.0, &id.0)).await?))
    }

    /// Explain a task
    ///
    /// Any task of a run that has a number: for workers, for people, a `listen`, a `wait`, a run of another workflow.
    #[oai(
        path = "/v1/tasks/:task/explain",
        method = "get",
        operation_id = "explainTask",
        tag = "Tag::Explain"
    )]
    async fn task(
        &self,
        app: Shared<'_>,
        /// `run:number`.
        task: Path<String>,
    ) -> Result<Json<Explanation>, ExplainFailure> {
        Ok(Json(Box::pin(explain::task(app.0, &task.0)).await?))
    }

    /// Explain a queue
    ///
    /// With all its task types that are known, at most 20.
    #[oai(
        path = "/v1/task-queues/:queue/explain",
        method = "get",
        operation_id = "explainQueue",
        tag = "Tag::Explain"
    )]
    async fn queue(
        &self,
        app: Shared<'_>,
        /// The queue.
        queue: Path<String>,
    ) -> Result<Json<Explanation>, ExplainFailure> {
        Ok(Json(Box::pin(explain::queue(app.0, &queue.0, None)).await?))
    }

    /// Explain a queue's tasks of one type
    #[oai(
        path = "/v1/task-queues/:queue/:kind/explain",
        method = "get",
        operation_id = "explainQueueType",
        tag = "Tag::Explain"
    )]
    async fn queue_type(
        &self,
        app: Shared<'_>,
        /// The queue.
        queue: Path<String>,
        /// The task type.
        kind: Path<String>,
    ) -> Result<Json<Explanation>, ExplainFailure> {
        let told = explain::queue(app.0, &queue.0, Some(&kind.0));
        Ok(Json(Box::pin(told).await?))
    }

    /// Explain a worker
    #[oai(
        path = "/v1/workers/:id/explain",
        method = "get",
        operation_id = "explainWorker",
        tag = "Tag::Explain"
    )]
    async fn worker(
        &self,
        app: Shared<'_>,
        /// Its name.
        id: Path<String>,
    ) -> Result<Json<Explanation>, ExplainFailure> {
        Ok(Json(Box::pin(explain::worker(app.0, &id.0)).await?))
    }

    /// Explain a schedule
    ///
    /// Why it starts no run now.
    #[oai(
        path = "/v1/schedules/:namespace/:name/explain",
        method = "get",
        operation_id = "explainSchedule",
        tag = "Tag::Explain"
    )]
    async fn schedule(
        &self,
        app: Shared<'_>,
        /// The namespace.
        namespace: Path<String>,
        /// The name.
        name: Path<String>,
    ) -> Result<Json<Explanation>, ExplainFailure> {
        Ok(Json(Box::pin(explain::schedule(app.0, &namespace.0, &name.0)).await?))
    }
}
