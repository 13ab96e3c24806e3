//! What the built-in worker calls: HTTP, and what goes over it.
//!
//! Each call is one attempt of a task: its arguments come from the engine, secrets are put in here,
//! and whatever leaves is masked. The engine's history is kept for long, so nothing that went in as
//! a secret may come out (docs/adr/0009).

mod a2a;
mod arguments;
mod asyncapi;
mod auth;
mod config;
mod error;
mod grpc;
mod http;
mod mcp;
mod openapi;
mod secrets;
mod sensitive;
mod sse;
mod web;

use std::sync::Arc;

use kintsugi_definition::{Jq, Limits};
use kintsugi_processes::Processes;
use kintsugi_worker::{Context, Failure};
use serde_json::Value;

use arguments::Arguments;
use auth::{Session, Tokens};
pub use config::{HttpConfig, SecretsConfig};
pub use error::Error;
pub use kintsugi_egress::Allow;
pub use secrets::Secrets;
use sensitive::Sensitive;
use web::Web;

/// Makes calls. Cheap to clone.
#[derive(Clone)]
pub struct Calls(Arc<Shared>);

struct Shared {
    web: Web,
    secrets: Secrets,
    tokens: Tokens,
    jq: Jq,
}

/// One attempt of a call.
struct Attempt<'c> {
    calls: &'c Shared,
    context: &'c Context,
    sensitive: Sensitive,
}

impl Calls {
    /// Calls under these settings.
    ///
    /// # Errors
    ///
    /// When TLS cannot be set up.
    pub fn new(http: &HttpConfig, secrets: Secrets) -> Result<Self, Error> {
        let (web, tokens, jq) = (Web::new(http)?, Tokens::default(), Jq::new(Limits::default()));
        Ok(Self(Arc::new(Shared { web, secrets, tokens, jq })))
    }

    /// `call: http`.
    ///
    /// # Errors
    ///
    /// As the service answers, or does not.
    pub async fn http(&self, context: &Context, input: Value) -> Result<Value, Failure> {
        let attempt = self.attempt(context);
        let result = http::call(&attempt, input).await;
        attempt.clean(result)
    }

    /// `call: openapi`.
    ///
    /// # Errors
    ///
    /// As the service answers, or does not.
    pub async fn openapi(&self, context: &Context, input: Value) -> Result<Value, Failure> {
        let attempt = self.attempt(context);
        let result = openapi::call(&attempt, input).await;
        attempt.clean(result)
    }

    /// `call: asyncapi`.
    ///
    /// # Errors
    ///
    /// As the service answers, or does not.
    pub async fn asyncapi(&self, context: &Context, input: Value) -> Result<Value, Failure> {
        let attempt = self.attempt(context);
        let result = asyncapi::call(&attempt, input).await;
        attempt.clean(result)
    }

    /// `call: grpc`.
    ///
    /// # Errors
    ///
    /// As the service answers, or does not.
    pub async fn grpc(&self, context: &Context, input: Value) -> Result<Value, Failure> {
        let attempt = self.attempt(context);
        let result = grpc::call(&attempt, input).await;
        attempt.clean(result)
    }

    /// `call: a2a`.
    ///
    /// # Errors
    ///
    /// As the service answers, or does not.
    pub async fn a2a(&self, context: &Context, input: Value) -> Result<Value, Failure> {
        let attempt = self.attempt(context);
        let result = a2a::call(&attempt, input).await;
        attempt.clean(result)
    }

    /// `call: mcp`; with `processes`, servers may be started.
    ///
    /// # Errors
    ///
    /// As the server answers, or does not.
    pub async fn mcp(
        &self,
        context: &Context,
        input: Value,
        processes: Option<&Processes>,
    ) -> Result<Value, Failure> {
        let attempt = self.attempt(context);
        let result = mcp::call(&attempt, input, processes).await;
        attempt.clean(result.map_err(a2a::runtime))
    }

    /// Something else that takes secrets in its arguments: fills them in, and masks what comes out.
    ///
    /// # Errors
    ///
    /// When a secret is missing, or `work` fails.
    pub async fn with_secrets<F, Fut>(
        &self,
        context: &Context,
        input: Value,
        work: F,
    ) -> Result<Value, Failure>
    where
        F: FnOnce(Value) -> Fut,
        Fut: Future<Output = Result<Value, Failure>>,
    {
        let attempt = self.attempt(context);
        let result = match attempt.arguments(input, &[]) {
            Ok(arguments) => work(arguments.values).await,
            Err(failure) => Err(failure),
        };
        attempt.clean(result)
    }

    fn attempt<'c>(&'c self, context: &'c Context) -> Attempt<'c> {
        Attempt { calls: &self.0, context, sensitive: Sensitive::default() }
    }
}

impl Attempt<'_> {
    fn arguments(&self, input: Value, later: &[&str]) -> Result<Arguments, Failure> {
        let calls = self.calls;
        arguments::read(input, later, self.context, &calls.secrets, &calls.jq, &self.sensitive)
    }

    fn session(&self) -> Session<'_> {
        let calls = self.calls;
        let (context, sensitive) = (self.context, &self.sensitive);
        Session { web: &calls.web, tokens: &calls.tokens, sensitive, context }
    }

    /// Masks what went in as a secret.
    fn clean(&self, result: Result<Value, Failure>) -> Result<Value, Failure> {
        match result {
            Ok(output) => Ok(self.sensitive.value(output)),
            Err(failure) => Err(self.sensitive.failure(failure)),
        }
    }
}
