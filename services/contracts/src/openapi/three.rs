//! OpenAPI 3.0 and 3.1.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Body, Found, Operation, Parameter, Place, Style, join, parameters};
use crate::{
    Refusal,
    reference::{follow, items, text},
};

pub(super) fn operation(
    document: &Value,
    from: &str,
    found: &Found<'_>,
) -> Result<Operation, Refusal> {
    let url = join(&server(document, found)?, from, found.path)?;
    let mut read = Vec::new();
    for one in parameters(document, found)? {
        // These three are told by other means (OpenAPI 3.1, "Parameter Object").
        let name = text(one, "name").unwrap_or_default();
        let ignored = ["accept", "content-type", "authorization"];
        let is_header = text(one, "in") == Some("header");
        if !(is_header && ignored.contains(&name.to_ascii_lowercase().as_str())) {
            read.push(parameter(one, name)?);
        }
    }
    let body = found.operation.get("requestBody").map(|body| self::body(document, body, &read));
    Ok(Operation {
        method: found.method.to_owned(),
        url,
        parameters: read,
        body: body.transpose()?.flatten(),
    })
}

/// The first server, its variables at their defaults.
fn server(document: &Value, found: &Found<'_>) -> Result<String, Refusal> {
    let all = [found.operation, found.item, document];
    let servers = all.into_iter().map(|one| items(one, "servers")).find(|all| !all.is_empty());
    let Some(first) = servers.and_then(<[Value]>::first) else { return Ok("/".to_owned()) };
    let mut url = text(first, "url").unwrap_or("/").to_owned();
    let variables = first.get("variables").and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flatten() {
        let default = text(variable, "default").unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), default);
    }
    if url.contains('{') {
        return Err(Refusal::invalid(format!("the server `{url}` has a variable without default")));
    }
    Ok(url)
}

fn parameter(one: &Value, name: &str) -> Result<Parameter, Refusal> {
    let (place, usual) = match text(one, "in") {
        Some("path") => (Place::Path, Style::Simple),
        Some("query") => (Place::Query, Style::Form),
        Some("header") => (Place::Header, Style::Simple),
        Some("cookie") => (Place::Cookie, Style::Form),
        other => {
            let message = format!("the parameter `{name}` stands in `{}`", other.unwrap_or("?"));
            return Err(Refusal::invalid(message));
        }
    };
    let style = match (place, text(one, "style")) {
        (_, None) => usual,
        (Place::Path, Some("label")) => Style::Label,
        (Place::Path, Some("matrix")) => Style::Matrix,
        (Place::Path | Place::Header, Some("simple")) => Style::Simple,
        (Place::Query | Place::Cookie, Some("form")) => Style::Form,
        (Place::Query, Some("spaceDelimited")) => Style::SpaceDelimited,
        (Place::Query, Some("pipeDelimited")) => Style::PipeDelimited,
        (Place::Query, Some("deepObject")) => Style::DeepObject,
        (_, Some(other)) => {
            return Err(Refusal::invalid(format!("the parameter `{name}` has style `{other}`")));
        }
    };
    let explode = one.get("explode").and_then(Value::as_bool).unwrap_or(style == Style::Form);
    let required = one.get("required") == Some(&Value::Bool(true));
    let json = match one.get("content").and_then(Value::as_object) {
        None => false,
        Some(content) if content.keys().all(|kind| is_json(kind)) => true,
        Some(_) => return Err(Refusal::Unsupported(format!("the content of `{name}`"))),
    };
    Ok(Parameter { name: name.to_owned(), place, style, explode, required, json })
}

/// JSON before a form, a form before a text.
fn body(document: &Value, body: &Value, parameters: &[Parameter]) -> Result<Option<Body>, Refusal> {
    let body = follow(document, body)?;
    let Some(content) = body.get("content").and_then(Value::as_object) else { return Ok(None) };
    let rank = |kind: &str| match kind {
        kind if is_json(kind) => Some(0),
        "*/*" | "application/*" => Some(1),
        "application/x-www-form-urlencoded" => Some(2),
        kind if kind.starts_with("text/") => Some(3),
        _ => None,
    };
    let chosen = content.iter().filter_map(|(kind, about)| Some((rank(kind)?, kind, about)));
    let Some((rank, kind, about)) = chosen.min_by_key(|(rank, ..)| *rank) else {
        let kinds: Vec<&str> = content.keys().map(String::as_str).collect();
        let message = format!("a body of the media types {}", kinds.join(", "));
        return Err(Refusal::Unsupported(message));
    };
    let schema = about.get("schema").map(|schema| follow(document, schema)).transpose()?;
    let object = schema.is_none_or(|schema| {
        let object = schema.get("type").is_none_or(|kind| kind == "object");
        object || schema.get("properties").is_some()
    });
    let names = |schema: &Value| {
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        let known = schema.get("properties").and_then(Value::as_object).filter(|_| closed);
        known.map(|known| known.keys().cloned().collect())
    };
    let needed = schema.map(|schema| items(schema, "required")).unwrap_or_default();
    // A parameter that is called `body` keeps its name.
    let taken = parameters.iter().any(|one| one.name == "body");
    Ok(Some(Body {
        name: if taken { "requestBody" } else { "body" }.to_owned(),
        media_type: if rank == 1 { "application/json".to_owned() } else { kind.clone() },
        required: body.get("required") == Some(&Value::Bool(true)),
        open: object && rank < 3,
        properties: schema.and_then(names),
        needed: if object {
            needed.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        } else {
            BTreeSet::new()
        },
    }))
}

pub(super) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json")
}
