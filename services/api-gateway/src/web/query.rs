//! Query parameters that an operation does not have are refused: one that is misspelt would
//! otherwise be a filter that does nothing (promise P11). What there is to know stands in the
//! OpenAPI document, so no operation can forget the check.

use kintsugi_gateway_ops::Problem;
use poem::http::Method;
use serde_json::Value;

/// Names of query parameters, by operation.
pub(super) struct Queries(Vec<Operation>);

struct Operation {
    method: Method,
    /// None: a parameter, which any segment fits.
    path: Vec<Option<String>>,
    names: Vec<String>,
}

impl Queries {
    /// Reads what operations there are.
    pub(super) fn from_document(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let Ok(method) = method.to_ascii_uppercase().parse() else { continue };
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let names = parameters
                    .filter(|parameter| parameter["in"] == "query")
                    .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned));
                all.push(Operation { method, path: template(path), names: names.collect() });
            }
        }
        Self(all)
    }

    /// Checks the query of a request.
    ///
    /// # Errors
    ///
    /// 400 for a parameter that the operation does not have, or that comes twice.
    pub(super) fn check(
        &self,
        method: &Method,
        path: &str,
        query: Option<&str>,
    ) -> Result<(), Problem> {
        let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(()) };
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let fits = |operation: &&Operation| operation.method == *wanted && operation.fits(path);
        let Some(operation) = self.0.iter().find(fits) else { return Ok(()) };
        let mut seen: Vec<&str> = Vec::new();
        for name in query.split('&').filter(|pair| !pair.is_empty()) {
            let name = name.split_once('=').map_or(name, |(name, _)| name);
            let shown: String = name.chars().take(80).collect();
            if !operation.names.iter().any(|known| known == name) {
                let title = format!("there is no query parameter `{shown}` here");
                let problem = Problem::bad_request("unknown_parameter", title);
                let hint = match operation.names.as_slice() {
                    [] => "the operation has none".to_owned(),
                    names => format!("one of {}", names.join(", ")),
                };
                return Err(problem.detail(hint));
            }
            if seen.contains(&name) {
                let title = format!("the query parameter `{shown}` is given twice");
                return Err(Problem::bad_request("invalid_parameter", title));
            }
            seen.push(name);
        }
        Ok(())
    }
}

impl Operation {
    fn fits(&self, path: &str) -> bool {
        let mut given = path.split('/');
        let all = self.path.iter().all(|wanted| {
            given.next().is_some_and(|part| wanted.as_ref().is_none_or(|wanted| wanted == part))
        });
        all && given.next().is_none()
    }
}

fn template(path: &str) -> Vec<Option<String>> {
    path.split('/').map(|part| (!part.starts_with('{')).then(|| part.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        let queries = Queries::from_document(&crate::api::document());
        let check = |path, query| queries.check(&Method::GET, path, Some(query));
        assert!(check("/v1/runs", "status=running&limit=5").is_ok());
        assert_eq!(check("/v1/runs", "stauts=running").unwrap_err().code, "unknown_parameter");
        assert_eq!(check("/v1/runs", "limit=1&limit=2").unwrap_err().code, "invalid_parameter");
        assert!(check("/v1/runs/a/result", "wait=1s").is_ok());
        assert!(check("/v1/runs/a", "wait=1s").is_err());
        assert!(check("/runs", "tab=tasks").is_ok(), "pages of the dashboard have their own");
    }
}
