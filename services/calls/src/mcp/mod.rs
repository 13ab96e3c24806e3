//! `call: mcp`: a server of the Model Context Protocol, over HTTP or as a process.

mod over_http;
mod process;
mod rpc;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kintsugi_processes::Processes;
use kintsugi_worker::Failure;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    Attempt,
    http::{self, invalid},
};

/// What the worker is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    method: String,
    #[serde(default)]
    parameters: Value,
    endpoint: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    stdio: Option<Stdio>,
    protocol_version: Option<String>,
    client: Option<Client>,
    timeout_ms: Option<u64>,
}

/// A server that is started for the call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stdio {
    command: String,
    #[serde(default)]
    arguments: Vec<Value>,
    #[serde(default)]
    environment: BTreeMap<String, Value>,
}

/// Who asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    name: String,
    version: String,
}

/// What carries messages to a server and back.
trait Wire {
    /// Sends a request, and waits for its answer.
    async fn ask(&mut self, request: &Value) -> Result<Value, Failure>;

    /// Sends what has no answer.
    async fn tell(&mut self, message: &Value) -> Result<(), Failure>;

    /// Both sides speak this version from now on.
    fn agreed(&mut self, version: String);
}

/// Asks a server, which is connected to, or started, for this call.
pub(crate) async fn call(
    attempt: &Attempt<'_>,
    input: Value,
    processes: Option<&Processes>,
) -> Result<Value, Failure> {
    let mut values = attempt.arguments(input, &[])?.values;
    let policy = http::policy(attempt, &mut values)?;
    let arguments: Arguments = serde_json::from_value(values)
        .map_err(|error| invalid(format!("the arguments of `call: mcp`: {error}")))?;
    let own = arguments.timeout_ms.map_or(Duration::MAX, Duration::from_millis);
    let limit = own.min(attempt.context.remaining());
    let exchange = async {
        match (&arguments.endpoint, &arguments.stdio) {
            (Some(endpoint), None) => {
                let limit = limit.min(attempt.calls.web.config.timeout);
                let until = Instant::now() + limit;
                let mut wire = over_http::Wire::new(attempt, endpoint, policy, until)?;
                wire.headers(&arguments.headers)?;
                let answer = tokio::time::timeout(limit, converse(&mut wire, &arguments)).await;
                wire.close().await;
                answer.unwrap_or_else(|_| Err(late()))
            }
            (None, Some(stdio)) => {
                let answer = process::call(attempt, stdio, &arguments, processes);
                tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(late()))
            }
            _ => Err(invalid("either an HTTP endpoint or a command is needed".to_owned())),
        }
    };
    Box::pin(exchange).await
}

/// The whole of a call: each has a session of its own.
async fn converse(wire: &mut impl Wire, arguments: &Arguments) -> Result<Value, Failure> {
    let call = rpc::call(arguments)?;
    let hello = wire.ask(&rpc::hello(arguments)).await?;
    wire.agreed(rpc::version(hello)?);
    wire.tell(&rpc::ready()).await?;
    rpc::output(wire.ask(&call).await?)
}

fn late() -> Failure {
    Failure::retryable("the server did not answer in time").kind("timeout").status(408)
}
