//! JSON Schema. What a schema refers to outside itself comes from a library; nothing is fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

pub use jsonschema::Validator;
use jsonschema::{PatternOptions, Retrieve, Uri, ValidationError};
use serde_json::Value;

/// How many violations are told.
const VIOLATIONS_MAX: usize = 5;

/// Schemas by URI, without fragment.
pub type Library = BTreeMap<String, Value>;

/// Why there is no checker.
#[derive(Debug)]
pub enum Refusal {
    /// What it is, for people.
    Invalid(String),
    /// These are not in the library.
    Missing(BTreeSet<String>),
}

/// Gives out what is in the library, and remembers what else was asked for.
struct Shelf {
    library: Arc<Library>,
    missing: Arc<Mutex<BTreeSet<String>>>,
}

impl Retrieve for Shelf {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        if let Some(found) = self.library.get(uri.as_str()) {
            return Ok(found.clone());
        }
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.insert(uri.as_str().to_owned());
        // Stands in for it, so that everything that is missing is found at once.
        Ok(Value::Bool(true))
    }
}

/// A checker for `schema` (2020-12 unless it names another draft).
///
/// # Errors
///
/// When it is no schema, or refers to what is not in the library.
pub fn build(schema: &Value, library: &Arc<Library>) -> Result<Validator, Refusal> {
    if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
        return Err(Refusal::Invalid("a JSON Schema is an object or a boolean".to_owned()));
    }
    // The engine that backtracks can take exponential time.
    let patterns = PatternOptions::regex().size_limit(1 << 20).dfa_size_limit(1 << 20);
    let missing = Arc::new(Mutex::new(BTreeSet::new()));
    let shelf = Shelf { library: library.clone(), missing: missing.clone() };
    // Without `$schema`, the newest draft is meant; to name one here would override `$schema`.
    let options = jsonschema::options().with_retriever(shelf).with_pattern_options(patterns);
    let built = options.build(schema);
    let missing = std::mem::take(&mut *missing.lock().unwrap_or_else(PoisonError::into_inner));
    if !missing.is_empty() {
        return Err(Refusal::Missing(missing));
    }
    built.map_err(|err| {
        let at = err.instance_path().as_str();
        Refusal::Invalid(format!("this is not a JSON Schema: {err} (at {at:?})"))
    })
}

/// Checks `value`; the detail has pointers, and no data.
///
/// # Errors
///
/// When it does not match.
pub fn validate(validator: &Validator, value: &Value) -> Result<(), String> {
    if validator.is_valid(value) {
        return Ok(());
    }
    Err(told(validator.iter_errors(value)))
}

/// Checks a value of which only a part is known: at the pointers in `open`, something stands for what is
/// not. Tells what does not match whatever stands there.
///
/// # Errors
///
/// When it cannot match.
pub fn must_match(validator: &Validator, value: &Value, open: &[String]) -> Result<(), String> {
    if open.is_empty() {
        return validate(validator, value);
    }
    let mut certain = validator.iter_errors(value).filter(|err| is_certain(err, open)).peekable();
    if certain.peek().is_none() { Ok(()) } else { Err(told(certain)) }
}

/// Whether a violation is there whatever stands at the pointers in `open`.
fn is_certain(err: &ValidationError<'_>, open: &[String]) -> bool {
    // What depends on whether another part matches. A property of such a name is left out, too.
    let conditional =
        ["anyOf", "oneOf", "not", "if", "then", "else", "contains", "dependentSchemas"];
    let evaluated = err.evaluation_path().as_str();
    if evaluated.split('/').any(|step| conditional.contains(&step) || step.starts_with("uneval")) {
        return false;
    }
    let is_below = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let at = err.instance_path().as_str();
    if open.iter().any(|open| is_below(at, open)) {
        return false;
    }
    // Of what is known in part, keys and their number are.
    let of_keys = [
        "additionalProperties",
        "maxItems",
        "maxProperties",
        "minItems",
        "minProperties",
        "required",
        "type",
    ];
    !open.iter().any(|open| is_below(open, at)) || of_keys.contains(&err.kind().keyword())
}

fn told<'e>(errors: impl Iterator<Item = ValidationError<'e>>) -> String {
    let violations: Vec<_> = errors
        .take(VIOLATIONS_MAX)
        .map(|err| format!("{:?}: {}", err.instance_path().as_str(), err.masked()))
        .collect();
    format!("does not match its schema: {}", violations.join("; "))
}
