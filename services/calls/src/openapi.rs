//! `call: openapi`: an operation that the compiler took out of its document.

use kintsugi_contracts::openapi::{Operation, Parameter, Place, Style};
use kintsugi_worker::Failure;
use reqwest::{
    Method, Url,
    header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    Attempt,
    http::{self, Output, invalid},
    sensitive::percent_encoded,
    web::Outgoing,
};

/// What the worker is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    operation: Operation,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    output: Output,
    #[serde(default)]
    redirect: bool,
}

/// Calls an operation.
pub(crate) async fn call(attempt: &Attempt<'_>, input: Value) -> Result<Value, Failure> {
    let mut values = attempt.arguments(input, &[])?.values;
    let policy = http::policy(attempt, &mut values)?;
    let arguments: Arguments = serde_json::from_value(values)
        .map_err(|error| invalid(format!("the arguments of `call: openapi`: {error}")))?;
    let request = request(&arguments.operation, arguments.parameters)?;
    http::exchange(attempt, request, policy.as_ref(), arguments.output, arguments.redirect).await
}

fn request(operation: &Operation, mut given: Map<String, Value>) -> Result<Outgoing, Failure> {
    // What is not there is like what is not given.
    given.retain(|_, value| !value.is_null());
    let complaints = operation.complaints(given.keys().map(String::as_str));
    if !complaints.is_empty() {
        return Err(invalid(complaints.join("; ")));
    }
    let (mut url, mut query, mut cookies) = (operation.url.clone(), Vec::new(), Vec::new());
    let mut headers = reqwest::header::HeaderMap::new();
    for parameter in &operation.parameters {
        let Some(value) = given.remove(&parameter.name) else { continue };
        match parameter.place {
            Place::Path => {
                let text = in_path(parameter, &value)?;
                url = url.replace(&format!("{{{}}}", parameter.name), &text);
            }
            Place::Query => query.extend(pairs(parameter, &value)?),
            Place::Cookie => cookies.extend(pairs(parameter, &value)?),
            Place::Header => {
                let text = joined(parameter, &value, ",", &|text| text.to_owned())?;
                let bad = |_| invalid(format!("the parameter `{}` is no header", parameter.name));
                let name = HeaderName::from_bytes(parameter.name.as_bytes()).map_err(|_| {
                    invalid(format!("`{}` is not a name of a header", parameter.name))
                })?;
                headers.insert(name, HeaderValue::from_str(&text).map_err(bad)?);
            }
        }
    }
    http::stays(&url)?;
    let mut url =
        Url::parse(&url).map_err(|error| invalid(format!("the server's URL: {error}")))?;
    if !query.is_empty() {
        let own = url.query().map(|own| format!("{own}&")).unwrap_or_default();
        url.set_query(Some(&format!("{own}{}", query.join("&"))));
    }
    let mut request = Outgoing::get(url);
    request.method = Method::from_bytes(operation.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| invalid(format!("`{}` is not an HTTP method", operation.method)))?;
    request.headers = headers;
    request
        .headers
        .entry(ACCEPT)
        .or_insert(HeaderValue::from_static("application/json, */*;q=0.5"));
    if !cookies.is_empty() {
        let text = HeaderValue::from_str(&cookies.join("; "))
            .map_err(|_| invalid("a cookie has a bad character".to_owned()))?;
        request.headers.insert(COOKIE, text);
    }
    body(operation, given, &mut request)?;
    Ok(request)
}

/// What is left are the body's own parameters.
fn body(
    operation: &Operation,
    mut given: Map<String, Value>,
    request: &mut Outgoing,
) -> Result<(), Failure> {
    let Some(body) = &operation.body else { return Ok(()) };
    let whole = given.remove(&body.name);
    if whole.is_some() && !given.is_empty() {
        let names: Vec<_> = given.keys().map(String::as_str).collect();
        let message =
            format!("`{}` is the whole body; {} cannot go with it", body.name, names.join(", "));
        return Err(invalid(message));
    }
    let value = match whole {
        Some(value) => value,
        None if given.is_empty() => return Ok(()),
        None => Value::Object(given),
    };
    request.body = match (body.media_type.as_str(), value) {
        ("application/x-www-form-urlencoded", Value::Object(fields)) => form(&fields)?.into_bytes(),
        (kind, Value::String(text)) if !kind.contains("json") => text.into_bytes(),
        (kind, value) if kind.contains("json") => value.to_string().into_bytes(),
        (kind, _) => return Err(invalid(format!("a body of the type `{kind}` must be a text"))),
    };
    let kind = HeaderValue::from_str(&body.media_type)
        .map_err(|_| invalid(format!("`{}` is not a media type", body.media_type)))?;
    request.headers.insert(CONTENT_TYPE, kind);
    Ok(())
}

fn form(fields: &Map<String, Value>) -> Result<String, Failure> {
    let mut pairs = Vec::new();
    for (name, value) in fields {
        let all = match value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        for one in all {
            let text = http::text(name, one)?;
            pairs.push(format!("{}={}", percent_encoded(name), percent_encoded(&text)));
        }
    }
    Ok(pairs.join("&"))
}

/// The parts of a value: name and text of each.
fn parts(parameter: &Parameter, value: &Value) -> Result<Vec<(Option<String>, String)>, Failure> {
    let name = &parameter.name;
    if parameter.json {
        return Ok(vec![(None, value.to_string())]);
    }
    match value {
        Value::Array(items) => {
            items.iter().map(|item| Ok((None, http::text(name, item)?))).collect()
        }
        Value::Object(map) => {
            map.iter().map(|(key, item)| Ok((Some(key.clone()), http::text(name, item)?))).collect()
        }
        one => Ok(vec![(None, http::text(name, one)?)]),
    }
}

/// All parts as one text; with `explode`, an object's as `key=value`.
fn joined(
    parameter: &Parameter,
    value: &Value,
    between: &str,
    encode: &dyn Fn(&str) -> String,
) -> Result<String, Failure> {
    let parts = parts(parameter, value)?.into_iter().map(|(key, text)| match key {
        Some(key) if parameter.explode => format!("{}={}", encode(&key), encode(&text)),
        Some(key) => format!("{}{between}{}", encode(&key), encode(&text)),
        None => encode(&text),
    });
    Ok(parts.collect::<Vec<_>>().join(between))
}

fn in_path(parameter: &Parameter, value: &Value) -> Result<String, Failure> {
    let between = |style| if parameter.explode { style } else { "," };
    let name = percent_encoded(&parameter.name);
    Ok(match parameter.style {
        Style::Label => {
            format!(".{}", joined(parameter, value, between("."), &percent_encoded)?)
        }
        Style::Matrix if parameter.explode => {
            let parts = parts(parameter, value)?.into_iter().map(|(key, text)| {
                let key = key.map_or_else(|| name.clone(), |key| percent_encoded(&key));
                format!(";{key}={}", percent_encoded(&text))
            });
            parts.collect()
        }
        Style::Matrix => format!(";{name}={}", joined(parameter, value, ",", &percent_encoded)?),
        _ => joined(parameter, value, ",", &percent_encoded)?,
    })
}

/// `name=value` pairs, as in a query.
fn pairs(parameter: &Parameter, value: &Value) -> Result<Vec<String>, Failure> {
    let name = percent_encoded(&parameter.name);
    let between = match parameter.style {
        Style::SpaceDelimited => "%20",
        Style::PipeDelimited => "%7C",
        _ => ",",
    };
    let whole = value.is_array() || value.is_object();
    if parameter.style == Style::DeepObject && value.is_object() {
        let parts = parts(parameter, value)?.into_iter();
        return Ok(parts
            .map(|(key, text)| {
                let key = percent_encoded(&key.unwrap_or_default());
                format!("{name}%5B{key}%5D={}", percent_encoded(&text))
            })
            .collect());
    }
    if !(whole && parameter.explode) || parameter.json {
        return Ok(vec![format!(
            "{name}={}",
            joined(parameter, value, between, &percent_encoded)?
        )]);
    }
    let parts = parts(parameter, value)?.into_iter().map(|(key, text)| {
        let key = key.map_or_else(|| name.clone(), |key| percent_encoded(&key));
        format!("{key}={}", percent_encoded(&text))
    });
    Ok(parts.collect())
}

#[cfg(test)]
mod tests {
    use kintsugi_contracts::openapi::operation;
    use serde_json::json;

    use super::*;

    fn made(document: &Value, id: &str, given: Value) -> Result<Outgoing, Failure> {
        let operation = operation(document, "http://from.test/docs/api.json", id).unwrap();
        let Value::Object(given) = given else { panic!() };
        request(&operation, given)
    }

    #[test]
    fn parameters_are_written_as_their_style_says() {
        let parameter = |name: &str, place: &str, more: Value| {
            let mut all = json!({"name": name, "in": place, "required": place == "path"});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        let document = json!({
            "openapi": "3.1.0", "servers": [{"url": "/v1/"}],
            "paths": {"/a/{p}/{l}/{m}": {"get": {"operationId": "get", "parameters": [
                parameter("p", "path", json!({})),
                parameter("l", "path", json!({"style": "label", "explode": true})),
                parameter("m", "path", json!({"style": "matrix"})),
                parameter("q", "query", json!({})),
                parameter("c", "query", json!({"explode": false})),
                parameter("s", "query", json!({"style": "pipeDelimited"})),
                parameter("d", "query", json!({"style": "deepObject"})),
                parameter("j", "query", json!({"content": {"application/json": {}}})),
                parameter("X-H", "header", json!({})),
                parameter("k", "cookie", json!({})),
            ]}}},
        });
        let given = json!({
            "p": "a/b", "l": {"x": 1}, "m": [1, 2], "q": ["ü", "&"], "c": [1, 2], "s": [1, 2],
            "d": {"x": 1}, "j": {"x": [1]}, "X-H": [1, 2], "k": "v",
        });
        let request = made(&document, "get", given).unwrap();
        assert_eq!(
            request.url.as_str(),
            "http://from.test/v1/a/a%2Fb/.x=1/;m=1,2?q=%C3%BC&q=%26&c=1,2&s=1%7C2&d%5Bx%5D=1&j=%7B%22x%22%3A%5B1%5D%7D"
        );
        assert_eq!(request.headers["x-h"], "1,2");
        assert_eq!(request.headers["cookie"], "k=v");
        assert!(made(&document, "get", json!({"p": 1, "l": 1})).is_err(), "m is missing");
        assert!(made(&document, "get", json!({"p": "..", "l": 1, "m": 1})).is_err(), "it leaves");
        assert!(made(&document, "get", json!({"p": 1, "l": 1, "m": 1, "z": 1})).is_err());
    }

    #[test]
    fn a_body_is_given_whole_or_by_its_properties() {
        let content = |kind: &str, schema: Value| json!({"content": {kind: {"schema": schema}}, "required": true});
        let document = json!({
            "openapi": "3.0.3", "servers": [{"url": "https://{h}.test", "variables": {"h": {"default": "x"}}}],
            "components": {"schemas": {"Pet": {"type": "object", "required": ["name"]}}},
            "paths": {
                "/json": {"post": {"operationId": "json", "requestBody": content("application/json", json!({"$ref": "#/components/schemas/Pet"}))}},
                "/form": {"post": {"operationId": "form", "requestBody": content("application/x-www-form-urlencoded", json!({}))}},
                "/text": {"post": {"operationId": "text", "requestBody": content("text/plain", json!({"type": "string"}))}},
            },
        });
        let body = |id: &str, given: Value| {
            made(&document, id, given).map(|made| String::from_utf8(made.body).unwrap())
        };
        assert_eq!(
            body("json", json!({"name": "n", "tag": 1})).unwrap(),
            r#"{"name":"n","tag":1}"#
        );
        assert_eq!(body("json", json!({"body": [1]})).unwrap(), "[1]");
        assert!(body("json", json!({"tag": 1})).is_err(), "its name is missing");
        assert!(body("json", json!({"body": [1], "name": "n"})).is_err());
        assert_eq!(body("form", json!({"a": [1, 2], "b": "&"})).unwrap(), "a=1&a=2&b=%26");
        assert_eq!(body("text", json!({"body": "hello"})).unwrap(), "hello");
        assert!(body("text", json!({})).is_err());
    }

    #[test]
    fn swagger_is_understood() {
        let document = json!({
            "swagger": "2.0", "host": "petstore.test", "basePath": "/v2", "schemes": ["http", "https"],
            "paths": {
                "/pet/findByStatus": {"get": {"operationId": "find", "parameters": [
                    {"name": "status", "in": "query", "type": "array", "collectionFormat": "multi", "required": true}]}},
                "/pet": {"post": {"operationId": "add", "consumes": ["application/xml", "application/json"],
                    "parameters": [{"name": "pet", "in": "body", "required": true}]}},
                "/form": {"post": {"operationId": "form", "parameters": [
                    {"name": "a", "in": "formData", "required": true}, {"name": "b", "in": "formData"}]}},
                "/file": {"post": {"operationId": "file", "parameters": [{"name": "f", "in": "formData", "type": "file"}]}},
            },
        });
        let found = made(&document, "find", json!({"status": "available"})).unwrap();
        assert_eq!(
            found.url.as_str(),
            "https://petstore.test/v2/pet/findByStatus?status=available"
        );
        let added = made(&document, "add", json!({"pet": {"id": 1}})).unwrap();
        assert_eq!(
            (added.body.as_slice(), &added.headers["content-type"]),
            (&br#"{"id":1}"#[..], &HeaderValue::from_static("application/json"))
        );
        assert_eq!(made(&document, "form", json!({"a": 1})).unwrap().body, b"a=1");
        assert!(made(&document, "form", json!({"b": 1})).is_err());
        assert!(made(&document, "form", json!({"a": 1, "c": 1})).is_err());
        assert!(operation(&document, "http://x", "file").is_err());
    }
}
