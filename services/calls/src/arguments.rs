//! Arguments as they come: what was left to the worker is evaluated here.

use std::collections::{BTreeMap, HashMap};

use kintsugi_core::Variables;
use kintsugi_definition::{Expression, Jq};
use kintsugi_worker::{Context, Failure};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Secrets, sensitive::Sensitive};

/// An expression that the engine left to the worker (`kintsugi_core::Deferred`), with the values
/// that it needs.
#[derive(Debug, Deserialize)]
struct Deferred {
    at: String,
    expression: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    variables: Map<String, Value>,
    #[serde(default)]
    secrets: Vec<String>,
}

/// The values that an expression may name.
pub(crate) struct Values(BTreeMap<String, Value>);

impl Variables for Values {
    fn get(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }
}

/// An expression that is evaluated while the task runs.
pub(crate) struct Code {
    expression: Expression,
    variables: Values,
}

impl Code {
    pub(crate) fn evaluate(&self, input: &Value) -> Result<Value, Failure> {
        self.expression.evaluate(input, &self.variables).map_err(failed)
    }

    /// Whether it holds; as in jq, only false and null do not.
    pub(crate) fn holds(&self, input: &Value) -> Result<bool, Failure> {
        Ok(!matches!(self.evaluate(input)?, Value::Null | Value::Bool(false)))
    }
}

/// The arguments of a call.
pub(crate) struct Arguments {
    /// Everything that is known before the call.
    pub(crate) values: Value,
    /// What is evaluated during it, by its place in the arguments.
    pub(crate) code: HashMap<String, Code>,
}

/// Reads what the worker was given, and fills in what was left to it, but for what stands at one
/// of `later`.
pub(crate) fn read(
    mut input: Value,
    later: &[&str],
    context: &Context,
    secrets: &Secrets,
    jq: &Jq,
    sensitive: &Sensitive,
) -> Result<Arguments, Failure> {
    let deferred = input.as_object_mut().and_then(|map| map.remove("deferred"));
    let deferred: Vec<Deferred> = match deferred {
        Some(value) => serde_json::from_value(value)
            .map_err(|error| Failure::fatal(format!("what was left to the worker: {error}")))?,
        None => Vec::new(),
    };
    let mut code = HashMap::new();
    for one in deferred {
        let mut known = Map::new();
        for name in &one.secrets {
            let secret = secrets.get(name, namespace(context))?;
            sensitive.add_all(&secret);
            known.insert(name.clone(), secret);
        }
        let mut variables: BTreeMap<String, Value> = one.variables.into_iter().collect();
        variables.insert("secrets".to_owned(), Value::Object(known));
        let variables = Values(variables);
        let expression = jq.compile(&one.expression).map_err(failed)?;
        if later.contains(&one.at.as_str()) {
            code.insert(one.at, Code { expression, variables });
            continue;
        }
        let value = expression.evaluate(&one.input, &variables).map_err(failed)?;
        hide(&value, &one.expression, sensitive);
        match input.pointer_mut(&one.at) {
            Some(place) => *place = value,
            None => {
                let message = format!("there is no place `{}` in the arguments", one.at);
                return Err(Failure::fatal(message));
            }
        }
    }
    Ok(Arguments { values: input, code })
}

/// What was made of a secret is as secret, but for what stands in the expression as it is.
fn hide(value: &Value, expression: &str, sensitive: &Sensitive) {
    match value {
        Value::String(text) if !expression.contains(text.as_str()) => sensitive.add(text),
        Value::Array(items) => items.iter().for_each(|item| hide(item, expression, sensitive)),
        Value::Object(map) => map.values().for_each(|item| hide(item, expression, sensitive)),
        _ => {}
    }
}

/// The namespace of the workflow that a task belongs to.
pub(crate) fn namespace(context: &Context) -> &str {
    context.definition().split('/').next().unwrap_or_default()
}

fn failed(error: kintsugi_core::EvaluateError) -> Failure {
    Failure::fatal(error.detail).kind("expression").status(400)
}
