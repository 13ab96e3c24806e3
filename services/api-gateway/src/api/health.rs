//! Liveness and readiness.

use kintsugi_gateway_ops::{self as ops, types::Health};
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};

use super::{Shared, Tag};

pub(crate) struct Healths;

/// The process runs.
#[derive(Object)]
pub(crate) struct Liveness {
    /// `live`.
    status: String,
    /// The version of the engine.
    version: String,
}

#[derive(ApiResponse)]
pub(crate) enum Readiness {
    /// The engine takes work.
    #[oai(status = 200)]
    Ready(Json<Health>),
    /// Something is missing.
    #[oai(status = 503)]
    Unavailable(Json<Health>),
}

#[OpenApi]
impl Healths {
    /// Is the process alive?
    #[oai(path = "/health/live", method = "get", operation_id = "getLiveness", tag = "Tag::System")]
    async fn live(&self) -> Json<Liveness> {
        let own = str::to_owned;
        Json(Liveness { status: own("live"), version: own(env!("CARGO_PKG_VERSION")) })
    }

    /// Does the engine take work?
    ///
    /// It does when the store answers, the bus is connected, and an orchestrator was heard of
    /// lately.
    #[oai(
        path = "/health/ready",
        method = "get",
        operation_id = "getReadiness",
        tag = "Tag::System"
    )]
    async fn ready(&self, app: Shared<'_>) -> Readiness {
        let health = ops::system::health(app.0).await;
        if health.checks.iter().all(|check| check.ok) {
            Readiness::Ready(Json(health))
        } else {
            Readiness::Unavailable(Json(health))
        }
    }
}
