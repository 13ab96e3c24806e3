//! What a task does, in one short line. Values are never shown: of what a task is given, only what it
//! is called; of an address, neither its user nor its query.

use kintsugi_core::{
    Call, Catch, ErrorTemplate, EventFilter, Expr, Flow, ForEach, Human, Kind, Listen, Map, Node,
    NodeId, Program, RunWorkflow, Span, Strategy, Template, TryRetry, Until,
};
use serde_json::Value;

use crate::Role;
use crate::short::{address, cut, duration};

/// The longest that a label is, in characters.
const LABEL_MAX: usize = 64;

/// The longest that an expression within a label is, in characters.
const EXPRESSION_MAX: usize = 44;

/// A name, short enough for a node.
pub(crate) fn name(node: &Node) -> String {
    cut(&node.name, 48)
}

/// The source of an expression, cut.
pub(crate) fn expression(program: &Program, expr: Expr) -> String {
    let source = program.expressions.get(expr.0 as usize);
    cut(source.map_or("", String::as_str), EXPRESSION_MAX)
}

/// What a task is and does. Exhaustive on purpose: a new kind of task is drawn, or nothing compiles.
pub(crate) fn of(program: &Program, node: &Node) -> (Role, String) {
    let (role, text) = match &node.kind {
        Kind::Do(_) => (Role::Do, "do".to_owned()),
        Kind::Set(template) => (Role::Set, set(template)),
        Kind::Switch(_) => (Role::Switch, "switch".to_owned()),
        Kind::Fork { branches, compete } => (Role::Fork, fork(branches.len(), *compete)),
        Kind::For { each, at: _, items, condition, body: _ } => {
            (Role::For, looped(program, each, items, *condition))
        }
        Kind::Try { body: _, catch: _ } => (Role::Try, "try".to_owned()),
        Kind::Raise(error) => (Role::Raise, raise(error)),
        Kind::Wait(span) => (Role::Wait, wait(program, *span)),
        Kind::Call(call) => called(call),
        Kind::Function { with: _, body: _ } => (Role::Function, function(program, node)),
        Kind::Emit(event) => (Role::Emit, emit(event)),
        Kind::Listen(listen) => (Role::Listen, listened(program, listen)),
        Kind::RunWorkflow(run) => (Role::Run, run_workflow(run)),
        Kind::Map(map) => (Role::Map, mapped(program, map)),
        Kind::Human(human) => (Role::Human, asked(human)),
        Kind::Compensate => (Role::Compensate, "undo what was completed".to_owned()),
        Kind::Messages(of) => {
            let (role, text) =
                program.node(of.call).map_or_else(nothing, |call| self::of(program, call));
            (role, format!("{text}, for each {}", of.foreach.item))
        }
        Kind::Extended { task, extensions: _ } => {
            program.node(*task).map_or_else(nothing, |core| self::of(program, core))
        }
    };
    let undo = node.undo.as_ref().and_then(|undo| program.node(undo.task));
    let text = match undo {
        Some(undo) => format!("{text}, undone by {}", name(undo)),
        None => text,
    };
    (role, cut(&text, LABEL_MAX))
}

fn nothing() -> (Role, String) {
    (Role::Call, String::new())
}

/// The title, where it is known.
fn asked(human: &Human) -> String {
    match &human.title {
        Template::Literal(Value::String(title)) => format!("ask: {title}"),
        _ => "ask a person".to_owned(),
    }
}

fn mapped(program: &Program, map: &Map) -> String {
    let items = items(program, &map.items);
    let task = program.node(map.task).map(name).unwrap_or_default();
    format!("{task} for each {} in {items}, {} at a time", map.each, map.bound)
}

/// The names of what is set.
fn set(template: &Template) -> String {
    let names: Vec<&str> = match template {
        Template::Literal(Value::Object(map)) => map.keys().map(String::as_str).collect(),
        Template::Object(parts) => parts.iter().map(|(name, _)| name.as_str()).collect(),
        _ => Vec::new(),
    };
    if names.is_empty() { "set".to_owned() } else { format!("set {}", names.join(", ")) }
}

fn fork(branches: usize, compete: bool) -> String {
    let count = if branches == 1 { "1 branch".to_owned() } else { format!("{branches} branches") };
    if compete { format!("fork, {count} compete") } else { format!("fork, {count}") }
}

fn looped(program: &Program, each: &str, items: &Template, condition: Option<Expr>) -> String {
    let items = self::items(program, items);
    let condition = condition.map(|expr| format!(" while {}", expression(program, expr)));
    format!("for each {each} in {items}{}", condition.unwrap_or_default())
}

/// What is gone through.
fn items(program: &Program, items: &Template) -> String {
    match items {
        Template::Literal(Value::Array(items)) if items.len() == 1 => "1 item".to_owned(),
        Template::Literal(Value::Array(items)) => format!("{} items", items.len()),
        Template::Array(items) => format!("{} items", items.len()),
        Template::Expr(expr) => expression(program, *expr),
        _ => "…".to_owned(),
    }
}

/// The type of the error, without the address that it has in common with all.
fn raise(error: &ErrorTemplate) -> String {
    let kind = match &error.kind {
        Template::Literal(Value::String(kind)) => short_type(kind),
        _ => "an error",
    };
    match &error.status {
        Template::Literal(Value::Number(status)) => format!("raise {kind} ({status})"),
        _ => format!("raise {kind}"),
    }
}

fn short_type(kind: &str) -> &str {
    kind.trim_end_matches('/').rsplit('/').next().unwrap_or(kind)
}

fn wait(program: &Program, span: Span) -> String {
    match span {
        Span::Millis(millis) => format!("wait {}", duration(millis)),
        Span::Expr(expr) => format!("wait for {}", expression(program, expr)),
    }
}

/// A part of what a task is given that is known and says what is called.
fn known<'t>(template: &'t Template, keys: &[&str]) -> Option<&'t Value> {
    let mut template = template;
    for (at, key) in keys.iter().enumerate() {
        match template {
            Template::Object(parts) => {
                template = &parts.iter().find(|(name, _)| name == key)?.1;
            }
            Template::Literal(value) => {
                return keys[at..].iter().try_fold(value, |value, key| value.get(key));
            }
            _ => return None,
        }
    }
    match template {
        Template::Literal(value) => Some(value),
        _ => None,
    }
}

fn called(call: &Call) -> (Role, String) {
    let text = |keys: &[&str]| known(&call.with, keys).and_then(Value::as_str).unwrap_or("…");
    let run = |what: String| (Role::Run, what);
    let what = match call.task_type.as_str() {
        "run-shell" => return run("run shell".to_owned()),
        "run-script" => return run(format!("run script {}", text(&["process", "language"]))),
        "run-container" => return run(format!("run container {}", text(&["process", "image"]))),
        "http" => format!("call http {} {}", text(&["method"]).to_uppercase(), endpoint(call)),
        "grpc" => format!("call grpc {}/{}", text(&["service"]), text(&["method"])),
        "mcp" => format!("call mcp {}", text(&["method"])),
        "a2a" => format!("call a2a {}", text(&["method"])),
        "openapi" => {
            let method = text(&["operation", "method"]).to_uppercase();
            format!("call openapi {method} {}", address(text(&["operation", "url"])))
        }
        "asyncapi" => {
            let does = if known(&call.with, &["subscription"]).is_some() { "from" } else { "to" };
            format!("call asyncapi {does} {}", text(&["channel", "address"]))
        }
        other if call.queue == "default" => format!("call {other}"),
        other => format!("call {other} on {}", call.queue),
    };
    (Role::Call, what)
}

/// Where an HTTP call goes, as far as it is known.
fn endpoint(call: &Call) -> String {
    let uri = match &call.with {
        Template::Object(parts) => parts.iter().find(|(name, _)| name == "endpoint"),
        _ => None,
    };
    match (uri, known(&call.with, &["endpoint"])) {
        (_, Some(Value::String(uri))) => address(uri),
        (Some((_, Template::Uri(parts))), _) => {
            let parts = parts.iter().map(|(text, name)| match name {
                Some(name) => format!("{text}{{{name}}}"),
                None => text.clone(),
            });
            address(&parts.collect::<String>())
        }
        _ => "…".to_owned(),
    }
}

fn function(program: &Program, node: &Node) -> String {
    let written = program.definition_at(&node.pointer);
    match written.and_then(|task| task.get("call")).and_then(Value::as_str) {
        Some(name) => format!("function {}", address(name)),
        None => "function".to_owned(),
    }
}

fn emit(event: &kintsugi_core::EventTemplate) -> String {
    let kind = event.with.iter().find_map(|(name, value)| match value {
        Template::Literal(Value::String(kind)) if name == "type" => Some(kind.as_str()),
        _ => None,
    });
    format!("emit {}", kind.unwrap_or("an event"))
}

fn listened(program: &Program, listen: &Listen) -> String {
    let Listen { to, read: _, foreach } = listen;
    let each = match foreach {
        Some(ForEach { item, .. }) => format!(", for each {item}"),
        None => String::new(),
    };
    format!("listen to {}{each}", strategy(program, to))
}

fn strategy(program: &Program, strategy: &Strategy) -> String {
    match strategy {
        Strategy::One(filter) => kind_of(filter).to_owned(),
        Strategy::All(filters) if filters.len() == 1 => kinds(filters),
        Strategy::All(filters) => format!("all of {}", kinds(filters)),
        Strategy::Any { filters, until } => {
            let what = match filters.as_slice() {
                [] => "any event".to_owned(),
                [one] => kind_of(one).to_owned(),
                many => format!("any of {}", kinds(many)),
            };
            match until {
                None => what,
                Some(Until::Never) => format!("{what} for ever"),
                Some(Until::Holds(expr)) => format!("{what} until {}", expression(program, *expr)),
                Some(Until::Heard(other)) => {
                    format!("{what} until {}", self::strategy(program, other))
                }
            }
        }
    }
}

fn kinds(filters: &[EventFilter]) -> String {
    filters.iter().map(kind_of).collect::<Vec<_>>().join(", ")
}

/// The type of the events that fit, where that is said as a constant.
fn kind_of(filter: &EventFilter) -> &str {
    let kind = filter.with.iter().find_map(|(name, matcher)| match matcher {
        kintsugi_core::Matcher::Equal(Value::String(kind)) if name == "type" => Some(kind.as_str()),
        _ => None,
    });
    kind.unwrap_or("an event")
}

fn run_workflow(run: &RunWorkflow) -> String {
    let RunWorkflow { definition, input: _, awaited } = run;
    let rest = if *awaited { "" } else { ", not awaited" };
    format!("run workflow {definition}{rest}")
}

/// The condition of a task.
pub(crate) fn condition(program: &Program, expr: Expr) -> String {
    format!("if {}", expression(program, expr))
}

/// The cases of a switch in their order: name and condition of each.
pub(crate) fn cases(program: &Program, node: &Node) -> Vec<String> {
    let Kind::Switch(cases) = &node.kind else { return Vec::new() };
    let written = program.definition_at(&node.pointer).and_then(|task| task.get("switch"));
    let mut written: Vec<(&String, &Value)> = written
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|case| case.as_object()?.iter().next())
        .collect();
    // The program tries the case without a condition last, wherever it stands.
    written.sort_by_key(|(_, case)| case.get("when").is_none());
    let fits = written.len() == cases.len();
    let label = |(at, case): (usize, &kintsugi_core::Case)| {
        let name = written.get(at).filter(|_| fits).map(|(name, _)| cut(name, 24));
        let when = case.when.map(|expr| expression(program, expr));
        let text = match (name, when) {
            (Some(name), Some(when)) => format!("{name}: {when}"),
            (Some(name), None) => format!("{name}: otherwise"),
            (None, Some(when)) => when,
            (None, None) => "otherwise".to_owned(),
        };
        cut(&text, LABEL_MAX)
    };
    cases.iter().enumerate().map(label).collect()
}

/// Which errors are caught.
pub(crate) fn catch(program: &Program, catch: &Catch) -> String {
    let errors = &catch.errors;
    let mut parts = Vec::new();
    parts.extend(errors.kind.as_deref().map(|kind| short_type(kind).to_owned()));
    parts.extend(errors.status.map(|status| format!("status {status}")));
    parts.extend(errors.instance.as_ref().map(|at| format!("at {at}")));
    parts.extend(errors.title.as_ref().or(errors.detail.as_ref()).map(|text| cut(text, 24)));
    if parts.is_empty() {
        parts.push("any error".to_owned());
    }
    parts.extend(catch.when.map(|expr| format!("when {}", expression(program, expr))));
    parts.extend(catch.except_when.map(|expr| format!("except {}", expression(program, expr))));
    cut(&format!("catch {}", parts.join(", ")), LABEL_MAX)
}

/// How often a `try` begins again.
pub(crate) fn retry(retry: &TryRetry) -> String {
    match retry.policy.maximum_attempts {
        u32::MAX => "again".to_owned(),
        0..=2 => "again, once".to_owned(),
        attempts => format!("again, up to {} times", attempts - 1),
    }
}

/// Where a flow leads that does not just go on. Targets are positions in `list`.
pub(crate) fn flow(program: &Program, list: &[NodeId], flow: Flow) -> Option<String> {
    match flow {
        Flow::Continue => None,
        Flow::Exit => Some("exit".to_owned()),
        Flow::End => Some("end".to_owned()),
        Flow::Goto(jump) => {
            let target = list.get(jump.0 as usize).and_then(|id| program.node(*id));
            Some(format!("then {}", target.map(name).unwrap_or_default()))
        }
    }
}
