//! `call: mcp` against real servers.

#[path = "../../worker/tests/harness/mod.rs"]
mod harness;
mod service;

use std::{net::SocketAddr, time::Duration};

use harness::{Engine, fault, output};
use kintsugi_core::Ability;
use kintsugi_task_worker::{Allow, Config, HttpConfig};
use serde_json::{Value, json};
use service::{Service, end, tools::Tools};

/// Set for the process that is a server.
const SERVES: &str = "KINTSUGI_TEST_SERVES_MCP";

fn config() -> Config {
    let http = HttpConfig { allow: Some(Allow::Any), ..HttpConfig::default() };
    Config { http, abilities: [Ability::McpStdio].into(), ..Config::default() }
}

/// A call of a tool over HTTP.
fn tool(server: SocketAddr, name: &str, arguments: Value) -> Value {
    json!({
        "endpoint": format!("http://{server}/mcp"), "method": "tools/call",
        "parameters": {"name": name, "arguments": arguments},
    })
}

/// The same of a server that this test program is itself.
fn tool_of_process(name: &str, arguments: Value) -> Value {
    let program = std::env::current_exe().expect("this program");
    json!({
        "method": "tools/call", "parameters": {"name": name, "arguments": arguments},
        "stdio": {
            "command": program, "environment": {SERVES: "1"},
            "arguments": ["--exact", "server_process", "--ignored", "--nocapture"],
        },
    })
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().expect("a text")
}

fn with(mut call: Value, key: &str, value: Value) -> Value {
    call[key] = value;
    call
}

#[tokio::test]
#[ignore = "it is the server of other tests"]
async fn server_process() {
    if std::env::var_os(SERVES).is_some() {
        Tools::serve_stdio().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_called_over_http() {
    let Some(mut engine) = Engine::start().await else { return };
    let service = Service::start(&engine, config()).await;
    for sessions in [true, false] {
        let server = Tools::start(sessions).await;
        let sum =
            output(end(&mut engine, "mcp", tool(server, "add", json!({"a": 1, "b": 2}))).await);
        assert_eq!(text(&sum), "3");
        let endpoint = format!("http://{server}/mcp");
        let list = json!({"endpoint": endpoint, "method": "tools/list"});
        let list = output(end(&mut engine, "mcp", list).await);
        assert_eq!(list["tools"][0]["name"], "add", "{list}");
        let mut sent = tool(server, "sent", json!({}));
        sent["headers"] = json!({"x-own": "mine"});
        sent["authentication"] = json!({"bearer": {"token": "a-secret-token"}});
        sent["client"] = json!({"name": "shop", "version": "1.2.3"});
        let sent = output(end(&mut engine, "mcp", sent).await);
        let headers = text(&sent);
        for there in ["\"x-own\": \"mine\"", "idempotency-key", "2025-06-18", "Bearer ***"] {
            assert!(headers.contains(there), "{there} in {headers}");
        }
        let unknown = fault(end(&mut engine, "mcp", tool(server, "eat", json!({}))).await);
        assert!(unknown.fatal && unknown.message.contains("-32602"), "{unknown:?}");
        let failed = fault(end(&mut engine, "mcp", tool(server, "fail", json!({}))).await);
        assert_eq!((failed.kind.as_deref(), failed.fatal), (Some("runtime"), false));
        assert!(failed.message.contains("no more numbers"), "{failed:?}");
        let slow = with(tool(server, "slow", json!({})), "timeout_ms", json!(300));
        let late = fault(end(&mut engine, "mcp", slow).await);
        assert_eq!((late.kind.as_deref(), late.status), (Some("timeout"), Some(408)));
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_back_is_answered() {
    let Some(mut engine) = Engine::start().await else { return };
    let (server, service) = (Tools::start(true).await, Service::start(&engine, config()).await);
    let asked = output(end(&mut engine, "mcp", tool(server, "ask", json!({}))).await);
    assert!(text(&asked).contains("no `roots/list` here"), "{asked}");
    let asked = output(end(&mut engine, "mcp", tool_of_process("ask", json!({}))).await);
    assert!(text(&asked).contains("no `roots/list` here"), "{asked}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_be_a_process() {
    let Some(mut engine) = Engine::start().await else { return };
    let service = Service::start(&engine, config()).await;
    let sum =
        output(end(&mut engine, "mcp", tool_of_process("add", json!({"a": 2, "b": 3}))).await);
    assert_eq!(text(&sum), "5");
    let found = output(end(&mut engine, "mcp", tool_of_process("environment", json!({}))).await);
    let found = text(&found);
    assert!(found.contains("KINTSUGI_IDEMPOTENCY_KEY=run-"), "{found}");
    assert!(!found.contains("CARGO"), "nothing of the worker's own: {found}");
    let failed = fault(end(&mut engine, "mcp", tool_of_process("fail", json!({}))).await);
    assert!(failed.message.contains("it wrote: it is broken"), "{failed:?}");
    let slow = with(tool_of_process("slow", json!({})), "timeout_ms", json!(1_000));
    assert_eq!(fault(end(&mut engine, "mcp", slow).await).kind.as_deref(), Some("timeout"));
    let none = json!({"method": "tools/list", "stdio": {"command": "/nowhere/server"}});
    let none = fault(end(&mut engine, "mcp", none).await);
    assert_eq!((none.kind.as_deref(), none.fatal), (Some("configuration"), true));
    let mute = json!({"method": "tools/list", "stdio": {"command": "true"}});
    assert!(!fault(end(&mut engine, "mcp", mute).await).fatal);
    let mut loud = config();
    loud.processes.output_max = 1_000;
    service.stop().await;
    let service = Service::start(&engine, loud).await;
    let flood = json!({"method": "tools/list", "stdio": {"command": "yes"}});
    let flood = fault(end(&mut engine, "mcp", flood).await);
    assert!(flood.fatal && flood.message.contains("output_max"), "{flood:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_is_refused() {
    let Some(mut engine) = Engine::start().await else { return };
    let server = Tools::start(true).await;
    let service = Service::start(&engine, Config::default()).await;
    let refused = fault(end(&mut engine, "mcp", tool(server, "add", json!({}))).await);
    assert_eq!((refused.kind.as_deref(), refused.fatal), (Some("authorization"), true));
    let refused = fault(end(&mut engine, "mcp", tool_of_process("add", json!({}))).await);
    assert_eq!((refused.kind.as_deref(), refused.fatal), (Some("authorization"), true));
    assert!(refused.message.contains("mcp_stdio"), "{refused:?}");
    service.stop().await;
    let mut short = config();
    short.http.timeout = Duration::from_millis(300);
    let service = Service::start(&engine, short).await;
    let late = fault(end(&mut engine, "mcp", tool(server, "slow", json!({}))).await);
    assert_eq!(late.kind.as_deref(), Some("timeout"));
    service.stop().await;
}
