//! Steering by hand: runs and single tasks.

use kintsugi_gateway_ops::{
    self as ops,
    types::{
        CompleteRequest, FailRequest, RerunRequest, SkipRequest, SteerAccepted, SteerRequest,
        TerminateRequest, VariablesRequest,
    },
};
use kintsugi_gateway_steer::{Order, Task, steer};
use poem_openapi::{ApiResponse, OpenApi, param::Path, payload::Json};

use super::{Shared, Tag, failure::failure};
use crate::body::{JsonBody, OptionalJsonBody};

pub(crate) struct SteeringApi;

#[derive(ApiResponse)]
pub(crate) enum Steered {
    /// What was asked is kept, and done in a moment. A repeat of the same request is answered so, too.
    #[oai(status = 202)]
    Accepted(Json<SteerAccepted>),
}

failure!(SteerFailure:
    400 "The body is no JSON, or the task is named by neither number nor reference.",
    404 "There is no such run.",
    409 "It cannot be done as the run stands, or the request's name is taken by another one.",
    413 "The body is too large.",
    415 "The content type is not taken.",
    422 "The body is JSON, but not what is asked for here, or the machine cannot take what it gives.",
    503 "The store or the bus did not answer.",
);

async fn ask(app: Shared<'_>, run: &str, order: Order) -> Result<Steered, SteerFailure> {
    let run = ops::run_id(run)?;
    Ok(Steered::Accepted(Json(steer(app.0, &run, order).await?)))
}

#[OpenApi]
impl SteeringApi {
    /// Suspend a run
    ///
    /// Nothing new is begun until it is resumed: timers, retries and time limits wait, events and answers
    /// are kept. Attempts that are out go on, and what they bring is taken. Runs that it started are not
    /// suspended with it.
    #[oai(
        path = "/v1/runs/:id/suspend",
        method = "post",
        operation_id = "suspendRun",
        tag = "Tag::Steering"
    )]
    async fn suspend(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        body: OptionalJsonBody<SteerRequest>,
    ) -> Result<Steered, SteerFailure> {
        ask(app, &id.0, Order::Suspend(body.0)).await
    }

    /// Resume a suspended run
    #[oai(
        path = "/v1/runs/:id/resume",
        method = "post",
        operation_id = "resumeRun",
        tag = "Tag::Steering"
    )]
    async fn resume(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        body: OptionalJsonBody<SteerRequest>,
    ) -> Result<Steered, SteerFailure> {
        ask(app, &id.0, Order::Resume(body.0)).await
    }

    /// Terminate a run
    ///
    /// It is cancelled at once, whatever is open: nothing is compensated, and no word of a worker is
    /// awaited.
    #[oai(
        path = "/v1/runs/:id/terminate",
        method = "post",
        operation_id = "terminateRun",
        tag = "Tag::Steering"
    )]
    async fn terminate(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        body: OptionalJsonBody<TerminateRequest>,
    ) -> Result<Steered, SteerFailure> {
        ask(app, &id.0, Order::Terminate(body.0)).await
    }

    /// Rerun a run from one of its tasks
    ///
    /// Whatever is open is closed, and the run goes on at the task: open, suspended, faulted, cancelled or
    /// completed. Its history goes on; nothing of it is rewritten.
    #[oai(
        path = "/v1/runs/:id/rerun",
        method = "post",
        operation_id = "rerunRun",
        tag = "Tag::Steering"
    )]
    async fn rerun(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        body: JsonBody<RerunRequest>,
    ) -> Result<Steered, SteerFailure> {
        ask(app, &id.0, Order::Rerun(body.0)).await
    }

    /// Change a run's variables
    ///
    /// The `$context` of the run itself; that of a branch of a fork which has exported one of its own
    /// stays, and is merged when the fork joins.
    #[oai(
        path = "/v1/runs/:id/variables",
        method = "post",
        operation_id = "changeVariables",
        tag = "Tag::Steering"
    )]
    async fn variables(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        body: JsonBody<VariablesRequest>,
    ) -> Result<Steered, SteerFailure> {
        ask(app, &id.0, Order::Variables(body.0)).await
    }

    /// Give a task that backs off out now
    ///
    /// For a `try` that waits until it tries again: try again now. The policy counts on.
    #[oai(
        path = "/v1/runs/:id/tasks/:task/retry",
        method = "post",
        operation_id = "retryTask",
        tag = "Tag::Steering"
    )]
    async fn retry(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        /// The task: its number, or its reference where only one is open there.
        task: Path<String>,
        body: OptionalJsonBody<SteerRequest>,
    ) -> Result<Steered, SteerFailure> {
        ask(app, &id.0, Order::Retry(Task::parse(&task.0)?, body.0)).await
    }

    /// Complete a task by hand
    ///
    /// Any open task, in a faulted run too, which is then taken up as by a redrive.
    #[oai(
        path = "/v1/runs/:id/tasks/:task/complete",
        method = "post",
        operation_id = "completeTask",
        tag = "Tag::Steering"
    )]
    async fn complete(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        /// The task: its number, or its reference where only one is open there.
        task: Path<String>,
        body: JsonBody<CompleteRequest>,
    ) -> Result<Steered, SteerFailure> {
        ask(app, &id.0, Order::Complete(Task::parse(&task.0)?, body.0)).await
    }

    /// Fail a task by hand
    ///
    /// The workflow may catch the error like any other; it is not tried again, and makes no dead letter.
    #[oai(
        path = "/v1/runs/:id/tasks/:task/fail",
        method = "post",
        operation_id = "failTask",
        tag = "Tag::Steering"
    )]
    async fn fail(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        /// The task: its number, or its reference where only one is open there.
        task: Path<String>,
        body: OptionalJsonBody<FailRequest>,
    ) -> Result<Steered, SteerFailure> {
        ask(app, &id.0, Order::Fail(Task::parse(&task.0)?, body.0)).await
    }

    /// Skip a task
    ///
    /// The run goes on behind it; a `wait` is over so.
    #[oai(
        path = "/v1/runs/:id/tasks/:task/skip",
        method = "post",
        operation_id = "skipTask",
        tag = "Tag::Steering"
    )]
    async fn skip(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        /// The task: its number, or its reference where only one is open there.
        task: Path<String>,
        body: OptionalJsonBody<SkipRequest>,
    ) -> Result<Steered, SteerFailure> {
        ask(app, &id.0, Order::Skip(Task::parse(&task.0)?, body.0)).await
    }
}
