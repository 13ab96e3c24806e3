//! OpenAPI 3.0 and 3.1, and Swagger 2.0: one operation.

mod three;
mod two;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::{
    Refusal,
    reference::{follow, items, text},
};

/// The methods under a path (OpenAPI 3.1, "Path Item Object").
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// One operation, as a call needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The HTTP method.
    pub method: String,
    /// The whole URL, with `{name}` for each parameter in its path.
    pub url: String,
    /// What it takes besides a body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// The body that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Where it goes.
    #[serde(rename = "in")]
    pub place: Place,
    /// How arrays and objects are written.
    pub style: Style,
    /// Whether each part of them stands by itself.
    pub explode: bool,
    /// Whether it must be given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// It is written as JSON.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub json: bool,
}

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Into the path.
    Path,
    /// Into the query.
    Query,
    /// Into a header.
    Header,
    /// Into a cookie.
    Cookie,
}

/// How arrays and objects are written (OpenAPI 3.1, "Style Values").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Style {
    /// `a,b`.
    Simple,
    /// `.a.b`.
    Label,
    /// `;x=a,b`.
    Matrix,
    /// `x=a&x=b`.
    Form,
    /// `x=a%20b`.
    SpaceDelimited,
    /// `x=a|b`.
    PipeDelimited,
    /// `x[a]=1`.
    DeepObject,
}

/// A body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// The parameter that is the whole body.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Whether it must be given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Whether parameters of other names are its properties.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// The names of its properties, where the document tells them; none: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<BTreeSet<String>>,
    /// The properties that must be given.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub needed: BTreeSet<String>,
}

/// Takes the operation `id` out of `document`, which was read from `from`.
///
/// # Errors
///
/// When there is no such operation, or it needs what cannot be done here.
pub fn operation(document: &Value, from: &str, id: &str) -> Result<Operation, Refusal> {
    let version = text(document, "openapi").or_else(|| text(document, "swagger"));
    let old = match version {
        Some("2.0") => true,
        Some(version) if version.starts_with("3.0.") || version.starts_with("3.1.") => false,
        Some(other) => return Err(Refusal::Unsupported(format!("OpenAPI {other}"))),
        None => {
            return Err(Refusal::invalid("this is no OpenAPI document: it has no `openapi`"));
        }
    };
    let found = find(document, id)?;
    let operation = if old {
        two::operation(document, from, &found)
    } else {
        three::operation(document, from, &found)
    }?;
    check_path(&operation)?;
    Ok(operation)
}

/// Where an operation stands.
struct Found<'d> {
    path: &'d str,
    method: &'static str,
    item: &'d Value,
    operation: &'d Value,
}

fn find<'d>(document: &'d Value, id: &str) -> Result<Found<'d>, Refusal> {
    let paths = document.get("paths").and_then(Value::as_object);
    let mut known = Vec::new();
    for (path, item) in paths.into_iter().flatten() {
        let item = follow(document, item)?;
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            match text(operation, "operationId") {
                Some(own) if own == id => return Ok(Found { path, method, item, operation }),
                Some(own) => known.push(own),
                None => {}
            }
        }
    }
    known.truncate(20);
    let message = format!("the document has no operation `{id}`; it has {}", known.join(", "));
    Err(Refusal::invalid(message))
}

/// The parameters of the path, but for those that the operation has itself, and its own.
fn parameters<'d>(document: &'d Value, found: &Found<'d>) -> Result<Vec<&'d Value>, Refusal> {
    let all = items(found.operation, "parameters").iter().chain(items(found.item, "parameters"));
    let (mut seen, mut kept) = (BTreeSet::new(), Vec::new());
    for one in all {
        let one = follow(document, one)?;
        if seen.insert((text(one, "name"), text(one, "in"))) {
            kept.push(one);
        }
    }
    Ok(kept)
}

/// `server` and `path` as one URL; a server may be relative to the document.
fn join(server: &str, from: &str, path: &str) -> Result<String, Refusal> {
    let bad = |_| Refusal::invalid(format!("the server `{server}` is not a URL"));
    let base = match Url::parse(server) {
        Ok(url) => url,
        Err(_) => Url::parse(from).and_then(|base| base.join(server)).map_err(bad)?,
    };
    if !matches!(base.scheme(), "http" | "https") {
        return Err(Refusal::Unsupported(format!("a server of `{}`", base.scheme())));
    }
    // The braces of the path's parameters must stay as they are.
    Ok(format!("{}{path}", base.as_str().trim_end_matches('/')))
}

/// Each `{name}` of the path needs its parameter.
fn check_path(operation: &Operation) -> Result<(), Refusal> {
    for part in operation.url.split('{').skip(1) {
        let name = part.split('}').next().unwrap_or_default();
        let known = |one: &Parameter| one.place == Place::Path && one.name == name;
        if !operation.parameters.iter().any(known) {
            let message = format!("the path has `{{{name}}}`, which is not among the parameters");
            return Err(Refusal::invalid(message));
        }
    }
    Ok(())
}

impl Operation {
    /// Says what is wrong with giving it parameters of these names.
    #[must_use]
    pub fn complaints<'n>(&self, given: impl IntoIterator<Item = &'n str>) -> Vec<String> {
        let given: BTreeSet<&str> = given.into_iter().collect();
        let mut complaints = Vec::new();
        for name in &given {
            let is_parameter = self.parameters.iter().any(|one| one.name == *name);
            let is_body = self.body.as_ref().is_some_and(|body| body.takes(name));
            if !is_parameter && !is_body {
                complaints.push(format!("the operation has no parameter `{name}`"));
            }
        }
        let needed = self.parameters.iter().filter(|one| one.required).map(|one| &one.name);
        for name in needed.filter(|name| !given.contains(name.as_str())) {
            complaints.push(format!("the operation needs the parameter `{name}`"));
        }
        if let Some(body) = &self.body
            && !given.contains(body.name.as_str())
        {
            let parts = given
                .iter()
                .any(|name| body.open && !self.parameters.iter().any(|one| one.name == *name));
            if body.required && !parts && body.needed.is_empty() {
                complaints.push(format!("the operation needs its body, as `{}`", body.name));
            }
            if body.required || parts {
                let missing = body.needed.iter().filter(|name| !given.contains(name.as_str()));
                complaints.extend(missing.map(|name| format!("the body needs `{name}`")));
            }
        }
        complaints
    }
}

impl Body {
    fn takes(&self, name: &str) -> bool {
        let listed = self.properties.as_ref().is_none_or(|known| known.contains(name));
        name == self.name || (self.open && listed)
    }
}
