//! What tasks are given that the engine's own worker carries out: from a document to the arguments
//! of HTTP calls, of what goes over HTTP, gRPC, servers of MCP, messages, and processes.
//!
//! `host` is the compiler of the document, `tree` what stands at `pointer` in it. What is wrong is
//! told to the host; where nothing can be made of it, there are no arguments.

mod agents;
mod asyncapi;
mod auth;
mod grpc;
mod host;
mod http;
mod mcp;
mod openapi;
mod process;

use kintsugi_core::{Ability, Template};
use kintsugi_document::{Fields, Tree};

pub use host::{Host, inside, object};

use crate::agents::Agents;
use crate::asyncapi::AsyncApi;
use crate::auth::Authentication;
use crate::grpc::Grpc;
use crate::http::Http;
use crate::mcp::Mcp;
use crate::openapi::OpenApi;
use crate::process::Processes;

/// `with` of a call of a protocol: `a2a`, `asyncapi`, `grpc`, `http`, `mcp` or `openapi`. `task` is
/// the call.
pub fn call<'a>(
    host: &mut impl Host<'a>,
    protocol: &str,
    task: &Fields<'a>,
    tree: &'a Tree,
    pointer: &str,
) -> Option<Template> {
    match protocol {
        "http" => host.http(tree, pointer),
        "openapi" => host.openapi(tree, pointer),
        "asyncapi" => host.asyncapi(tree, pointer),
        "grpc" => host.grpc(task, tree, pointer),
        "mcp" => host.mcp(tree, pointer),
        _ => host.a2a(tree, pointer),
    }
}

/// An authentication policy.
pub fn policy<'a>(host: &mut impl Host<'a>, tree: &'a Tree, pointer: &str) -> Option<Template> {
    host.policy(tree, pointer)
}

/// A URI template (RFC 6570, level 1) or an expression; `what` is its name in messages.
pub fn uri<'a>(
    host: &mut impl Host<'a>,
    tree: &'a Tree,
    pointer: &str,
    what: &str,
) -> Option<Template> {
    host.uri(tree, pointer, what)
}

/// `run.shell`, `run.script` or `run.container`, as `ability` says, which the deployment must allow;
/// `run` is what stands around it, with `await` and `return`.
pub fn process<'a>(
    host: &mut impl Host<'a>,
    ability: Ability,
    run: &Fields<'a>,
    tree: &'a Tree,
    pointer: &str,
) -> Option<Template> {
    let mut parts = host.process_options(run);
    let process = host.argument(pointer, "/process", |host| match ability {
        Ability::Shell => host.shell(tree, pointer),
        Ability::Script => host.script(tree, pointer),
        _ => host.container(tree, pointer),
    });
    parts.push(("process".to_owned(), process?));
    Some(object(parts))
}

/// Refuses what the deployment does not allow, and names the setting that would.
pub fn able<'a>(
    host: &mut impl Host<'a>,
    ability: Ability,
    tree: &Tree,
    pointer: &str,
    what: &str,
) {
    host.able(ability, tree, pointer, what);
}
