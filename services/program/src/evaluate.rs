//! How the machine asks for the value of an expression, without knowing the language.

use serde_json::Value;

use crate::{Expr, Schema};

/// Why an expression or a schema check gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct EvaluateError {
    /// What failed, with the expression's source; never the data that it was applied to.
    pub detail: String,
}

/// The variables that an expression may name, asked for one by one so that only what is used is
/// built. Names come without the `$`.
pub trait Variables {
    /// The value of `$name`; `None` where the specification's table has no such variable.
    fn get(&self, name: &str) -> Option<Value>;
}

/// Evaluates the expressions and checks the schemas of one program.
///
/// Implementations are bounded in time, depth and size, deterministic, and reach neither
/// environment, files nor clock.
pub trait Evaluate {
    /// The first output of `expr` applied to `input`; `null` when it has none.
    ///
    /// # Errors
    ///
    /// When the expression fails, exceeds a limit, or names a variable that is not there.
    fn evaluate(
        &self,
        expr: Expr,
        input: &Value,
        variables: &dyn Variables,
    ) -> Result<Value, EvaluateError>;

    /// Checks `value` against `schema`.
    ///
    /// # Errors
    ///
    /// When it does not match; the detail names up to five violations with JSON pointers.
    fn validate(&self, schema: Schema, value: &Value) -> Result<(), EvaluateError>;
}
