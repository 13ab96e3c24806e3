//! `call: grpc`: a method that the compiler took out of its proto file.

mod connect;
mod message;
mod status;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::stream;
use kintsugi_worker::Failure;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, prost::Message as _};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tonic::{
    Code, Request, Status, Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    metadata::{AsciiMetadataValue, MetadataMap},
    transport::Channel,
};

use crate::{
    Attempt,
    auth::Policy,
    http::{self, invalid},
};
use message::Dynamic;

/// Messages of one stream at most.
const MESSAGES_MAX: usize = 10_000;

/// What the worker is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// An encoded `FileDescriptorSet`, base64.
    descriptors: String,
    service: String,
    method: String,
    host: String,
    port: u16,
    tls: bool,
    #[serde(default)]
    arguments: Value,
}

/// A call that is ready to be made, once or, with another token, twice.
struct Call<'c> {
    attempt: &'c Attempt<'c>,
    method: MethodDescriptor,
    message: DynamicMessage,
    until: Instant,
}

/// Calls a method. A stream's messages become an array; a method that takes a stream gets one
/// message.
pub(crate) async fn call(attempt: &Attempt<'_>, input: Value) -> Result<Value, Failure> {
    let mut values = attempt.arguments(input, &[])?.values;
    let policy = http::policy(attempt, &mut values)?;
    if matches!(policy, Some(Policy::Digest(_))) {
        let message = "gRPC takes `basic`, `bearer`, `oauth2` and `oidc` authentication";
        return Err(Failure::fatal(message).kind("configuration").status(400));
    }
    let arguments: Arguments = serde_json::from_value(values)
        .map_err(|error| invalid(format!("the arguments of `call: grpc`: {error}")))?;
    let method = method(&arguments)?;
    let message = message::from_json(method.input(), &arguments.arguments)?;
    let limit = attempt.calls.web.config.timeout.min(attempt.context.remaining());
    let call = Call { attempt, method, message, until: Instant::now() + limit };
    // Where tokens come from is another target.
    let authorization = match &policy {
        Some(policy) => policy.authorization(&attempt.session()).await?,
        None => None,
    };
    let calling = attempt.context.calling(&format!("{}:{}", arguments.host, arguments.port))?;
    let exchange = async {
        let channel = connect::channel(attempt, &arguments).await?;
        call.make(channel, policy.as_ref(), authorization).await
    };
    let answer = tokio::time::timeout(limit, Box::pin(exchange)).await;
    let answer = answer.unwrap_or_else(|_| Err(status::too_late()));
    match &answer {
        Err(failure) if failure.deferred_for().is_some() => drop(calling),
        Err(failure) if status::is_down(failure) => {
            calling.failed(failure.retry_after_ms().map(Duration::from_millis));
        }
        Ok(_) | Err(_) => calling.answered(),
    }
    answer
}

fn method(arguments: &Arguments) -> Result<MethodDescriptor, Failure> {
    let bytes = STANDARD.decode(&arguments.descriptors);
    let pool = bytes.ok().and_then(|bytes| DescriptorPool::decode(bytes.as_slice()).ok());
    let pool = pool.ok_or_else(|| invalid("the descriptors cannot be read".to_owned()))?;
    let service = pool.get_service_by_name(&arguments.service);
    let method = service.and_then(|one| one.methods().find(|one| one.name() == arguments.method));
    method.ok_or_else(|| invalid("the descriptors have no such method".to_owned()))
}

impl Call<'_> {
    async fn make(
        &self,
        channel: Channel,
        policy: Option<&Policy>,
        authorization: Option<String>,
    ) -> Result<Value, Failure> {
        let session = self.attempt.session();
        let status = match self.once(channel.clone(), authorization.as_deref()).await? {
            Ok(answer) => return Ok(answer),
            Err(status) => status,
        };
        if let (Code::Unauthenticated, Some(policy), Some(sent)) =
            (status.code(), policy, &authorization)
            && let Some(other) = policy.again_as_metadata(sent, &session).await?
        {
            let answer = self.once(channel, Some(&other)).await?;
            return answer.map_err(|status| status::failed(&status, self.until));
        }
        Err(status::failed(&status, self.until))
    }

    /// One exchange; the service's own refusal is inside.
    async fn once(
        &self,
        channel: Channel,
        authorization: Option<&str>,
    ) -> Result<Result<Value, Status>, Failure> {
        let method = &self.method;
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let path = PathAndQuery::try_from(path).map_err(|error| invalid(error.to_string()))?;
        let max = self.attempt.calls.web.config.body_max;
        let mut client = Grpc::new(channel).max_decoding_message_size(max);
        if let Err(error) = client.ready().await {
            return Err(Failure::from(error).kind("communication"));
        }
        let codec = Dynamic(method.output());
        let message = self.message.clone();
        let many = self.request(stream::iter([message.clone()]), authorization)?;
        let one = self.request(message, authorization)?;
        let answer = match (method.is_client_streaming(), method.is_server_streaming()) {
            (false, false) => client.unary(one, path, codec).await.map(tonic::Response::into_inner),
            (true, false) => {
                let answer = client.client_streaming(many, path, codec).await;
                answer.map(tonic::Response::into_inner)
            }
            (false, true) => {
                let answer = client.server_streaming(one, path, codec).await;
                return self.all(answer.map(tonic::Response::into_inner)).await;
            }
            (true, true) => {
                let answer = client.streaming(many, path, codec).await;
                return self.all(answer.map(tonic::Response::into_inner)).await;
            }
        };
        Ok(match answer {
            Ok(message) => Ok(message::to_json(&message)?),
            Err(status) => Err(status),
        })
    }

    /// All messages of a stream.
    async fn all(
        &self,
        answer: Result<Streaming<DynamicMessage>, Status>,
    ) -> Result<Result<Value, Status>, Failure> {
        let mut stream = match answer {
            Ok(stream) => stream,
            Err(status) => return Ok(Err(status)),
        };
        let max = self.attempt.calls.web.config.body_max;
        let (mut messages, mut size) = (Vec::new(), 0);
        loop {
            let message = match stream.message().await {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(Ok(Value::Array(messages))),
                Err(status) => return Ok(Err(status)),
            };
            size += message.encoded_len();
            if messages.len() >= MESSAGES_MAX || size > max {
                let message =
                    format!("the service sent more than {MESSAGES_MAX} messages or {max} bytes");
                return Err(Failure::fatal(message).kind("communication"));
            }
            messages.push(message::to_json(&message)?);
            self.attempt.context.progress(json!({"messages": messages.len()}))?;
        }
    }

    fn request<T>(&self, of: T, authorization: Option<&str>) -> Result<Request<T>, Failure> {
        let mut request = Request::new(of);
        let left = self.until.saturating_duration_since(Instant::now());
        request.set_timeout(left.max(Duration::from_millis(1)));
        self.metadata(request.metadata_mut(), authorization)?;
        Ok(request)
    }

    fn metadata(
        &self,
        metadata: &mut MetadataMap,
        authorization: Option<&str>,
    ) -> Result<(), Failure> {
        let context = self.attempt.context;
        let pairs = [
            ("idempotency-key", Some(context.idempotency_key())),
            ("traceparent", context.traceparent()),
            ("authorization", authorization),
        ];
        for (name, value) in pairs {
            let Some(value) = value else { continue };
            let mut value = AsciiMetadataValue::try_from(value)
                .map_err(|_| invalid(format!("`{name}` has a character that cannot be sent")))?;
            value.set_sensitive(name == "authorization");
            metadata.insert(name, value);
        }
        Ok(())
    }
}
