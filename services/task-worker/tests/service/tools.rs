//! A server of the Model Context Protocol, by the protocol's own SDK.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::json;

/// Adds, fails, waits, asks back, and says what it was sent.
#[derive(Clone)]
pub(crate) struct Tools;

impl Tools {
    /// Over HTTP: with sessions and streams of events, or without either.
    pub(crate) async fn start(sessions: bool) -> SocketAddr {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(sessions)
            .with_json_response(!sessions);
        let service = StreamableHttpService::new(
            || Ok(Self),
            Arc::new(LocalSessionManager::default()),
            config,
        );
        let router = axum::Router::new().nest_service("/mcp", service);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        address
    }

    /// Over stdin and stdout, until the first of them ends.
    pub(crate) async fn serve_stdio() {
        let running = Self.serve(rmcp::transport::io::stdio()).await.expect("somebody asks");
        running.waiting().await.expect("it ends well");
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({"type": "object"}).as_object().cloned().unwrap_or_default();
        let tools = vec![Tool::new("add", "Adds two numbers", schema)];
        Ok(ListToolsResult::with_all_items(tools))
    }

    #[expect(deprecated, reason = "clients of the versions that are spoken here may be asked this")]
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let text = match request.name.as_ref() {
            "add" => {
                let number = |key: &str| arguments.get(key).and_then(serde_json::Value::as_i64);
                (number("a").unwrap_or(0) + number("b").unwrap_or(0)).to_string()
            }
            "slow" => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                "at last".to_owned()
            }
            "ask" => match context.peer.list_roots().await {
                Ok(roots) => format!("{roots:?}"),
                Err(error) => format!("refused: {error}"),
            },
            "sent" => {
                let parts = context.extensions.get::<axum::http::request::Parts>();
                let headers = parts.map(|parts| format!("{:?}", parts.headers));
                headers.unwrap_or_default()
            }
            "environment" => {
                std::env::vars().map(|(key, value)| format!("{key}={value};")).collect()
            }
            "fail" => {
                eprintln!("it is broken");
                let content = vec![ContentBlock::text("there are no more numbers")];
                return Ok(CallToolResult::error(content).into());
            }
            _ => return Err(ErrorData::invalid_params("no such tool", None)),
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}
