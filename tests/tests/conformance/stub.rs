//! Stands in for the hosts that features call: the parts of the pet store and of httpbin that the
//! official features use, and what our own need.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use kintsugi_tests::{Answer, Identity, Peer, Request};
use kintsugi_worker::{Context, Failure, Settings, Worker};
use tokio::task::JoinSet;

use crate::{
    authority::Authority,
    greeter::{FILES, Greeter},
    tools::Tools,
};

/// What a worker of these features serves. Features say more of these types to the registry: each to its own,
/// since scenarios run side by side.
const TASK_TYPES: [&str; 6] =
    ["own-output", "own-layers", "own-try", "own-later", "own-queued", "own-plain"];

/// A local server.
pub(crate) struct Stub {
    peer: Peer,
    /// How many scenarios there were.
    scenarios: AtomicU32,
    files: Arc<Mutex<BTreeMap<String, String>>>,
    /// A service of gRPC, whose proto files are at their paths here.
    grpc: SocketAddr,
    /// The same over TLS.
    grpc_tls: SocketAddr,
    /// A server of MCP.
    mcp: SocketAddr,
    /// Asks who is there, and gives tokens.
    authority: SocketAddr,
    /// The broker, for messages that have nothing to do with the engine.
    nats: String,
    /// A worker, which ends with it.
    _worker: JoinSet<()>,
}

impl Stub {
    /// Starts it on a port of its own, and a worker; foreign messages go over the broker at `nats`, too.
    pub(crate) async fn start(nats: &str, identity: &Identity) -> Self {
        let files = Arc::<Mutex<BTreeMap<String, String>>>::default();
        let own = Arc::clone(&files);
        let peer = Peer::start_on_loopback(move |request| {
            let path = request.path.split('?').next().unwrap_or_default();
            match own.lock().unwrap().get(path) {
                Some(content) => Answer::status(200).body(content.as_str()),
                None => answer(request, path),
            }
        })
        .await;
        for (path, text) in FILES {
            files.lock().unwrap().insert(format!("/{path}"), text.to_owned());
        }
        Self {
            peer,
            scenarios: AtomicU32::new(0),
            files,
            grpc: Greeter::start(None).await,
            grpc_tls: Greeter::start(Some(identity.pem())).await,
            mcp: Tools::start(true).await,
            authority: Authority::start().await.address,
            nats: nats.trim_start_matches("nats://").to_owned(),
            _worker: work(nats).await,
        }
    }

    /// Where this server is for one more scenario: at an address of its own, so that calls that fail on
    /// purpose leave no other scenario's alone. Only Linux has all of `127/8`.
    pub(crate) fn place(&self) -> SocketAddr {
        let mut address = self.peer.address();
        if cfg!(target_os = "linux") {
            let scenario = self.scenarios.fetch_add(1, Ordering::Relaxed);
            address.set_ip(Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + 1 + scenario).into());
        }
        address
    }

    /// The same text with the hosts that are replaced, and `{server}`, made this server at a place, `{mcp}` the
    /// server of MCP, `{authority}` what asks who is there, `{host}` and `{nats}` the addresses of this
    /// server and of a broker, and `{grpc}` and `{grpc-tls}` the ports of the service of gRPC.
    pub(crate) fn replaced(&self, text: &str, place: SocketAddr) -> String {
        let hosts = ["https://petstore.swagger.io", "https://httpbin.org", "{server}"];
        let base = format!("http://{place}");
        let text = hosts.iter().fold(text.to_owned(), |text, host| text.replace(host, &base));
        let text = text.replace("{mcp}", &format!("http://{}/mcp", self.mcp));
        let text = text.replace("{authority}", &format!("http://{}", self.authority));
        let text = text.replace("{host}", &place.to_string());
        let text = text.replace("{nats}", &self.nats);
        let text = text.replace("{grpc-tls}", &self.grpc_tls.port().to_string());
        text.replace("{grpc}", &self.grpc.port().to_string())
    }

    /// Serves `content` at `path` from now on.
    pub(crate) fn put(&self, path: &str, content: &str) {
        self.files.lock().unwrap().insert(path.to_owned(), content.to_owned());
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.peer.seen().iter().filter(|request| request.path == path).count()
    }
}

/// Serves [`TASK_TYPES`].
async fn work(nats: &str) -> JoinSet<()> {
    let settings = Settings { signals: false, circuits: false, ..Settings::default() };
    let worker = Worker::connect(nats).await.unwrap().settings(settings);
    let worker = TASK_TYPES.iter().fold(worker, |worker, name| worker.task(name, give));
    let mut work = JoinSet::new();
    work.spawn(async move { worker.run().await.unwrap() });
    work
}

/// Fails as often as it is told to, then gives what it is told to.
async fn give(context: Context, wish: Value) -> Result<Value, Failure> {
    if u64::from(context.failures()) < wish["fails"].as_u64().unwrap_or(0) {
        return Err(Failure::retryable("not yet"));
    }
    Ok(wish["gives"].clone())
}

/// What is at a path. `/flaky/<n>/…` fails n times, `/status/<n>` answers so, `/slow/<ms>` waits,
/// `/echo` says what it was asked, `/redirect/<path>` leads there, at `/agent` is one of A2A, and at
/// `/mcp/<version>` a server of that version of MCP, whatever it is asked for.
fn answer(request: &Request, path: &str) -> Answer {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    match parts[..] {
        ["v2", "swagger.json"] => Answer::json(&swagger(request)),
        ["v2", "pet", "findByStatus"] => Answer::json(&json!([pet(1), pet(2)])),
        ["v2", "pet", id] if number(id) > 0 => Answer::json(&pet(number(id))),
        ["basic-auth", user, password] => basic(request, user, password),
        ["status", status] => Answer::status(u16::try_from(number(status)).unwrap_or(500)),
        ["flaky", fails, ..] if (request.before as u64) < number(fails) => Answer::status(503),
        ["flaky", ..] => Answer::json(&json!({ "before": request.before })),
        ["slow", millis] => Answer::json(&json!({ "slow": number(millis) }))
            .after(Duration::from_millis(number(millis))),
        ["redirect", to] => Answer::status(302).header("location", &format!("/{to}")),
        ["agent"] => agent(&request.body),
        ["mcp", version] => server_of_version(request, version),
        ["echo"] => {
            let body = serde_json::from_str(&request.body).unwrap_or(Value::Null);
            let query = request.path.split_once('?').map_or("", |(_, query)| query);
            Answer::json(&json!({ "method": request.method, "query": query, "body": body,
                "headers": request.headers }))
        }
        _ => Answer::status(404),
    }
}

/// Says what it heard.
fn agent(body: &str) -> Answer {
    let call: Value = serde_json::from_str(body).unwrap_or_default();
    let respond = |result: Value| json!({ "jsonrpc": "2.0", "id": call["id"], "result": result });
    match call["method"].as_str() {
        Some("message/send") => {
            let heard = call["params"]["message"]["parts"][0]["text"].clone();
            Answer::json(&respond(json!({ "heard": heard })))
        }
        Some("message/stream") => {
            let events = [1, 2].map(|n| format!("data: {}\n\n", respond(json!({ "n": n }))));
            Answer::status(200).header("content-type", "text/event-stream").body(events.concat())
        }
        _ => Answer::json(&json!({ "jsonrpc": "2.0", "id": call["id"],
            "error": { "code": -32_601, "message": "no" } })),
    }
}

/// Its only tool says which version the client asked for, and which one it speaks.
fn server_of_version(request: &Request, version: &str) -> Answer {
    let call: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let respond = |result: Value| json!({ "jsonrpc": "2.0", "id": call["id"], "result": result });
    match call["method"].as_str() {
        Some("initialize") => {
            let asked = call["params"]["protocolVersion"].as_str().unwrap_or_default();
            let about = json!({ "protocolVersion": version, "capabilities": { "tools": {} },
                "serverInfo": { "name": "a server", "version": "1.0.0" } });
            // What identifies the session comes back with each request.
            Answer::json(&respond(about)).header("mcp-session-id", asked)
        }
        Some("tools/call") => {
            let header = |name: &str| request.headers.get(name).map_or("", String::as_str);
            let text = format!("{} {}", header("mcp-session-id"), header("mcp-protocol-version"));
            let content = json!({ "content": [{ "type": "text", "text": text }] });
            Answer::json(&respond(content))
        }
        _ => Answer::status(202),
    }
}

fn pet(id: u64) -> Value {
    json!({ "id": id, "name": "Rex", "status": "available", "tags": [], "photoUrls": [] })
}

fn basic(request: &Request, user: &str, password: &str) -> Answer {
    let wanted = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
    if request.headers.get("authorization") == Some(&wanted) {
        return Answer::json(&json!({ "authenticated": true, "user": user }));
    }
    Answer::status(401)
}

fn swagger(request: &Request) -> Value {
    let answers = json!({ "200": { "description": "found" } });
    let parameter = |place: &str, name: &str| {
        json!([{ "name": name, "in": place, "required": true,
        "type": "string" }])
    };
    json!({
        "swagger": "2.0",
        "info": { "title": "Pets", "version": "1.0.0" },
        "host": request.headers.get("host"),
        "basePath": "/v2",
        "schemes": ["http"],
        "paths": {
            "/pet/findByStatus": { "get": { "operationId": "findPetsByStatus",
                "parameters": parameter("query", "status"), "responses": answers } },
            "/pet/{petId}": { "get": { "operationId": "getPetById",
                "parameters": parameter("path", "petId"), "responses": answers } },
        },
    })
}
