//! A service of gRPC, with messages that were written down by hand: what the worker makes of the
//! proto file must fit them.

use std::{
    collections::BTreeMap, convert::Infallible, marker::PhantomData, net::SocketAddr,
    time::Duration,
};

use futures::{StreamExt, future::BoxFuture, stream, stream::BoxStream};
use prost::Message;
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http,
    server::{Grpc, NamedService},
    transport::{Identity, Server, ServerTlsConfig, server::TcpIncoming},
};

/// Where the proto files are to be found below a folder, and what they say.
pub(crate) const FILES: [(&str, &str); 2] =
    [("greet/v1/greeter.proto", GREETER), ("greet/v1/words.proto", WORDS)];

const GREETER: &str = r#"
syntax = "proto3";
package greet.v1;
import "greet/v1/words.proto";
import "google/protobuf/duration.proto";

service Greeter {
  rpc Hello(Ask) returns (Said);
  rpc Count(Ask) returns (stream Said);
  rpc Collect(stream Ask) returns (Said);
  rpc Chat(stream Ask) returns (stream Said);
}
message Ask {
  string full_name = 1;
  int64 big = 2;
  Mood mood = 3;
  google.protobuf.Duration pause = 4;
}
"#;

const WORDS: &str = r#"
syntax = "proto3";
package greet.v1;
enum Mood { MOOD_UNSPECIFIED = 0; MOOD_GLAD = 1; }
message Said {
  string text = 1;
  int64 big = 2;
  Mood mood = 3;
  map<string, string> metadata = 4;
  optional string never = 5;
}
"#;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ask {
    #[prost(string, tag = "1")]
    full_name: String,
    #[prost(int64, tag = "2")]
    big: i64,
    #[prost(int32, tag = "3")]
    mood: i32,
    #[prost(message, optional, tag = "4")]
    pause: Option<Pause>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pause {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Said {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(int64, tag = "2")]
    big: i64,
    #[prost(int32, tag = "3")]
    mood: i32,
    #[prost(btree_map = "string, string", tag = "4")]
    metadata: BTreeMap<String, String>,
}

/// Greets, counts, and refuses as it is asked to.
#[derive(Clone)]
pub(crate) struct Greeter;

impl Greeter {
    /// In clear, or over TLS with a certificate and its key (PEM).
    pub(crate) async fn start(tls: Option<(String, String)>) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut server = Server::builder();
        if let Some((certificate, key)) = tls {
            let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
            server = server.tls_config(tls).expect("TLS");
        }
        let served = server.add_service(Self).serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(async move { served.await.expect("it serves") });
        address
    }
}

async fn hello(request: Request<Ask>) -> Result<Response<Said>, Status> {
    let metadata = texts(&request);
    let ask = request.into_inner();
    match ask.full_name.as_str() {
        "nobody" => return Err(Status::not_found("there is nobody")),
        "busy" => {
            let mut status = Status::unavailable("not now");
            status.metadata_mut().insert("grpc-retry-pushback-ms", "1500".parse().expect("text"));
            return Err(status);
        }
        "private" if !metadata.contains_key("authorization") => {
            return Err(Status::unauthenticated("who are you?"));
        }
        // Takes the second token that the authority of these tests gives out, and no other one.
        "renewed" if !metadata.get("authorization").is_some_and(|text| text.ends_with(".2")) => {
            return Err(Status::unauthenticated("that is old"));
        }
        _ => {}
    }
    if let Some(pause) = &ask.pause {
        tokio::time::sleep(Duration::from_secs(pause.seconds.unsigned_abs())).await;
    }
    let text = match ask.full_name.as_str() {
        "long" => "x".repeat(2 << 20),
        name => format!("Hello {name}"),
    };
    Ok(Response::new(Said { text, big: ask.big, mood: ask.mood, metadata }))
}

fn texts<T>(request: &Request<T>) -> BTreeMap<String, String> {
    let all = request.metadata().as_ref().iter();
    all.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect()
}

fn said(text: String) -> Said {
    Said { text, ..Said::default() }
}

type Answers = BoxStream<'static, Result<Said, Status>>;

/// As many as `big` says; without end when it is negative.
async fn count(request: Request<Ask>) -> Result<Response<Answers>, Status> {
    let most = u64::try_from(request.get_ref().big).unwrap_or(u64::MAX);
    let all = (0..most).map(|number| Ok(said(number.to_string())));
    Ok(Response::new(stream::iter(all).boxed()))
}

async fn collect(request: Request<Streaming<Ask>>) -> Result<Response<Said>, Status> {
    let names = request.into_inner().map(|ask| ask.map(|ask| ask.full_name));
    let names: Vec<Result<String, Status>> = names.collect().await;
    let names = names.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Response::new(said(names.join("+"))))
}

async fn chat(request: Request<Streaming<Ask>>) -> Result<Response<Answers>, Status> {
    let answers = request.into_inner().map(|ask| Ok(said(format!("And {}", ask?.full_name))));
    Ok(Response::new(answers.boxed()))
}

impl NamedService for Greeter {
    const NAME: &'static str = "greet.v1.Greeter";
}

impl tower::Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(Written(PhantomData));
            Ok(match request.uri().path() {
                "/greet.v1.Greeter/Hello" => grpc.unary(tower::service_fn(hello), request).await,
                "/greet.v1.Greeter/Count" => {
                    grpc.server_streaming(tower::service_fn(count), request).await
                }
                "/greet.v1.Greeter/Collect" => {
                    grpc.client_streaming(tower::service_fn(collect), request).await
                }
                "/greet.v1.Greeter/Chat" => grpc.streaming(tower::service_fn(chat), request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

/// Reads and writes messages of types that the compiler knows.
#[derive(Clone, Copy)]
struct Written(PhantomData<(Ask, Said)>);

impl Codec for Written {
    type Encode = Said;
    type Decode = Ask;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Written {
    type Item = Said;
    type Error = Status;

    fn encode(&mut self, item: Said, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Written {
    type Item = Ask;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Ask>, Status> {
        Ask::decode(buffer).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
