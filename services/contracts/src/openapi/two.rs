//! Swagger 2.0.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Body, Found, Operation, Parameter, Place, Style, join, parameters};
use crate::{
    Refusal,
    reference::{items, text},
};

pub(super) fn operation(
    document: &Value,
    from: &str,
    found: &Found<'_>,
) -> Result<Operation, Refusal> {
    let url = join(&server(document, from, found)?, from, found.path)?;
    let mut operation =
        Operation { method: found.method.to_owned(), url, parameters: Vec::new(), body: None };
    let mut form = Vec::new();
    for one in parameters(document, found)? {
        let name = text(one, "name").unwrap_or_default();
        match text(one, "in") {
            Some("body") => operation.body = Some(body(document, found, one, name)?),
            Some("formData") => form.push(one),
            Some(place) => operation.parameters.push(parameter(one, name, place)?),
            None => return Err(Refusal::invalid(format!("the parameter `{name}` has no `in`"))),
        }
    }
    if !form.is_empty() {
        operation.body = Some(form_body(document, found, &form)?);
    }
    Ok(operation)
}

/// `schemes`, `host` and `basePath`; what is missing is the document's own.
fn server(document: &Value, from: &str, found: &Found<'_>) -> Result<String, Refusal> {
    let own = url::Url::parse(from).ok();
    let schemes = match items(found.operation, "schemes") {
        [] => items(document, "schemes"),
        schemes => schemes,
    };
    let names: Vec<&str> = schemes.iter().filter_map(Value::as_str).collect();
    let scheme = match names.as_slice() {
        [] => own.as_ref().map_or("https", |url| url.scheme()),
        names if names.contains(&"https") => "https",
        names if names.contains(&"http") => "http",
        [first, ..] => return Err(Refusal::Unsupported(format!("a server of `{first}`"))),
    };
    let authority = own.as_ref().map(|url| {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", url.host_str().unwrap_or_default())
    });
    let host = text(document, "host").map(str::to_owned).or(authority);
    let host = host.ok_or_else(|| Refusal::invalid("the document has no `host`"))?;
    Ok(format!("{scheme}://{host}{}", text(document, "basePath").unwrap_or_default()))
}

fn parameter(one: &Value, name: &str, place: &str) -> Result<Parameter, Refusal> {
    let place = match place {
        "path" => Place::Path,
        "query" => Place::Query,
        "header" => Place::Header,
        other => return Err(Refusal::Unsupported(format!("a parameter in `{other}`"))),
    };
    let plain = if place == Place::Query { Style::Form } else { Style::Simple };
    let (style, explode) = match text(one, "collectionFormat").unwrap_or("csv") {
        "csv" => (plain, false),
        "multi" if place == Place::Query => (Style::Form, true),
        "ssv" => (Style::SpaceDelimited, false),
        "pipes" => (Style::PipeDelimited, false),
        other => return Err(Refusal::Unsupported(format!("the collection format `{other}`"))),
    };
    let required = one.get("required") == Some(&Value::Bool(true));
    Ok(Parameter { name: name.to_owned(), place, style, explode, required, json: false })
}

fn consumes<'d>(document: &'d Value, found: &Found<'d>) -> Vec<&'d str> {
    let own = match items(found.operation, "consumes") {
        [] => items(document, "consumes"),
        own => own,
    };
    own.iter().filter_map(Value::as_str).collect()
}

fn body(document: &Value, found: &Found<'_>, one: &Value, name: &str) -> Result<Body, Refusal> {
    let offered = consumes(document, found);
    let json = offered.iter().find(|kind| super::three::is_json(kind));
    let media_type = match (json, offered.first()) {
        (Some(kind), _) => (*kind).to_owned(),
        (None, None) => "application/json".to_owned(),
        (None, Some(kind)) if kind.starts_with("text/") => (*kind).to_owned(),
        (None, Some(kind)) => {
            return Err(Refusal::Unsupported(format!("a body of the media type `{kind}`")));
        }
    };
    Ok(Body {
        name: name.to_owned(),
        media_type,
        required: one.get("required") == Some(&Value::Bool(true)),
        open: false,
        properties: None,
        needed: BTreeSet::new(),
    })
}

/// A form: each of its fields is a parameter by its name.
fn form_body(document: &Value, found: &Found<'_>, form: &[&Value]) -> Result<Body, Refusal> {
    let kind = "application/x-www-form-urlencoded";
    let offered = consumes(document, found);
    let file = form.iter().any(|one| text(one, "type") == Some("file"));
    if file || !(offered.is_empty() || offered.contains(&kind)) {
        return Err(Refusal::Unsupported("a body of several parts (`multipart/form-data`)".into()));
    }
    let name = |one: &&Value| text(one, "name").map(str::to_owned);
    let required = |one: &&&Value| one.get("required") == Some(&Value::Bool(true));
    let needed: BTreeSet<String> = form.iter().filter(required).filter_map(name).collect();
    Ok(Body {
        name: "body".to_owned(),
        media_type: kind.to_owned(),
        required: !needed.is_empty(),
        open: true,
        properties: Some(form.iter().filter_map(name).collect()),
        needed,
    })
}
