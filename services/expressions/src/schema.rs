//! JSON Schema. What a schema refers to outside itself comes from a library; nothing is fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
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
    let violations: Vec<_> = validator
        .iter_errors(value)
        .take(VIOLATIONS_MAX)
        .map(|err| format!("{:?}: {}", err.instance_path().as_str(), err.masked()))
        .collect();
    Err(format!("does not match its schema: {}", violations.join("; ")))
}
