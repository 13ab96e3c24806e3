//! The operations of `/v1`, as poem-openapi has them. They read requests and write answers; what
//! is done stands in `ops`, which the NATS door shares.

mod chaos;
mod dead_letters;
mod definitions;
mod drawings;
mod events;
mod explain;
pub(crate) mod failure;
mod health;
mod holds;
mod human_tasks;
mod payloads;
mod redrives;
mod runs;
mod schedules;
mod steering;
mod system;
mod task_types;
mod tasks;

use std::sync::Arc;

use kintsugi_gateway_ops::App;
use poem::web::Data;
use poem_openapi::{OpenApiService, Tags};

/// How handlers get at what the gateway holds.
pub(crate) type Shared<'a> = Data<&'a Arc<App>>;

#[derive(Tags)]
enum Tag {
    /// Workflows as their users wrote them: immutable by version.
    Definitions,
    /// Definitions that start runs by themselves.
    Schedules,
    /// What is known of tasks for workers, wherever they are called.
    #[oai(rename = "Task types")]
    TaskTypes,
    /// Executions of a definition.
    Runs,
    /// What a person does to a run: each with who and why in its history.
    Steering,
    /// Steps of a run that workers execute.
    Tasks,
    /// Steps of a run that people do.
    #[oai(rename = "Human tasks")]
    HumanTasks,
    /// Large content that runs refer to and do not carry.
    Payloads,
    /// Tasks that exhausted their policy.
    #[oai(rename = "Dead letters")]
    DeadLetters,
    /// Why something does not move.
    Explain,
    /// Engines of their own that are broken on purpose.
    Chaos,
    /// Workers, health, metrics and the recovery log.
    System,
    /// Server-sent events.
    Events,
}

/// All operations.
pub(crate) type Operations = (
    definitions::Definitions,
    drawings::Drawings,
    schedules::Schedules,
    task_types::TaskTypes,
    runs::Runs,
    steering::SteeringApi,
    holds::Holds,
    tasks::Tasks,
    // In a tuple of their own: one has sixteen at most.
    (human_tasks::HumanTasks, payloads::Payloads),
    dead_letters::DeadLetters,
    redrives::Redrives,
    explain::Explains,
    chaos::ChaosApi,
    system::System,
    events::Events,
    health::Healths,
);

/// The service that has all operations and their description.
pub(crate) fn service() -> OpenApiService<Operations, ()> {
    let operations = (
        definitions::Definitions,
        drawings::Drawings,
        schedules::Schedules,
        task_types::TaskTypes,
        runs::Runs,
        steering::SteeringApi,
        holds::Holds,
        tasks::Tasks,
        (human_tasks::HumanTasks, payloads::Payloads),
        dead_letters::DeadLetters,
        redrives::Redrives,
        explain::Explains,
        chaos::ChaosApi,
        system::System,
        events::Events,
        health::Healths,
    );
    OpenApiService::new(operations, "Kintsugi", env!("CARGO_PKG_VERSION")).description(
        "Durable workflows that heal. Errors are RFC 9457 problems with a stable `code`; unknown \
         fields and query parameters are refused; times are RFC 3339; lists are pages with `next` \
         as the `cursor` of the page after. With a token configured, send it as \
         `Authorization: Bearer`.",
    )
}

/// The OpenAPI document.
#[must_use]
pub fn document() -> String {
    // The parameter says nothing (RFC 8259 has no charset), and generated clients stumble over it.
    service().spec().replace("application/json; charset=utf-8", "application/json")
}
