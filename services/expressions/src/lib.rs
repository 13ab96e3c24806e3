//! The expressions and schemas of one program, compiled once. What they mean is decided by whoever
//! compiles documents; here they are evaluated, within limits, and without IO.

pub mod schema;

use std::sync::Arc;

use jsonschema::Validator;
use kintsugi_core::{Evaluate, EvaluateError, Expr, Program, Schema, Variables};
use kintsugi_document::{Mark, Problem, Problems};
use kintsugi_jq::{Filter, Limits, Simple, Toolbox, walk};
use serde_json::Value;

use crate::schema::Refusal;

/// How much of an expression's source an error shows.
const SHOWN_MAX: usize = 120;

/// Evaluates what a program needs; cheap to clone.
#[derive(Clone)]
pub struct Expressions(Arc<Inner>);

struct Inner {
    expressions: Vec<(String, Code)>,
    schemas: Vec<Validator>,
    limits: Limits,
}

enum Code {
    Simple(Simple),
    Filter(Box<Filter>),
}

impl std::fmt::Debug for Expressions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sources = self.0.expressions.iter().map(|(source, _)| source);
        f.debug_list().entries(sources).finish()
    }
}

impl Expressions {
    /// Compiles the expressions and schemas of `program`.
    ///
    /// # Errors
    ///
    /// When one does not compile, which compiling the document would have told.
    pub fn new(program: &Program, limits: impl Into<Limits>) -> Result<Self, Problems> {
        let limits = limits.into();
        kintsugi_jq::on_big_stack(|| {
            let mut problems = Vec::new();
            let expressions = compiled(&program.expressions, &mut problems);
            let mut problem = |code, message| {
                problems.push(Problem::new(code, Mark::default(), message));
            };
            let mut schemas = Vec::with_capacity(program.schemas.len());
            let library = Arc::new(program.schema_library.clone());
            for document in &program.schemas {
                match schema::build(document, &library) {
                    Ok(validator) => schemas.push(validator),
                    Err(Refusal::Invalid(message)) => problem("invalid-schema", message),
                    Err(Refusal::Missing(uris)) => {
                        let uris: Vec<_> = uris.into_iter().collect();
                        problem("missing-resource", format!("without {}", uris.join(", ")));
                    }
                }
            }
            if !problems.is_empty() {
                return Err(Problems::of(problems));
            }
            Ok(Self(Arc::new(Inner { expressions, schemas, limits })))
        })
    }

    /// Compiles expressions that stand outside a program, as they are given without `${ }`.
    ///
    /// # Errors
    ///
    /// When one does not compile.
    pub fn of(sources: &[String], limits: impl Into<Limits>) -> Result<Self, Problems> {
        let limits = limits.into();
        kintsugi_jq::on_big_stack(|| {
            let mut problems = Vec::new();
            let expressions = compiled(sources, &mut problems);
            if !problems.is_empty() {
                return Err(Problems::of(problems));
            }
            Ok(Self(Arc::new(Inner { expressions, schemas: Vec::new(), limits })))
        })
    }
}

/// Each source with what it compiles to, where it does.
fn compiled(sources: &[String], problems: &mut Vec<Problem>) -> Vec<(String, Code)> {
    let toolbox = Toolbox::default();
    let mut expressions = Vec::with_capacity(sources.len());
    for source in sources {
        match Code::of(&toolbox, source) {
            Ok(code) => expressions.push((source.clone(), code)),
            Err(message) => {
                problems.push(Problem::new("invalid-expression", Mark::default(), message));
            }
        }
    }
    expressions
}

impl Code {
    fn of(toolbox: &Toolbox, source: &str) -> Result<Self, String> {
        if let Some(simple) = Simple::parse(source) {
            return Ok(Self::Simple(simple));
        }
        let filter = toolbox.compile(source).map_err(|refusal| refusal.message)?;
        Ok(Self::Filter(Box::new(filter)))
    }

    fn evaluate(
        &self,
        input: &Value,
        variables: &dyn Variables,
        limits: &Limits,
    ) -> Result<Value, String> {
        let get = |name: &String| {
            variables.get(name).ok_or_else(|| format!("names ${name}, which is not available here"))
        };
        match self {
            Self::Simple(Simple::Literal(value)) => Ok(value.clone()),
            Self::Simple(Simple::Path { variable: None, keys }) => walk(input, keys).cloned(),
            Self::Simple(Simple::Path { variable: Some(name), keys }) => {
                let value = get(name)?;
                if keys.is_empty() { Ok(value) } else { walk(&value, keys).cloned() }
            }
            Self::Filter(filter) => {
                let values: Vec<_> =
                    filter.variables().iter().map(get).collect::<Result<_, _>>()?;
                filter.run(input, &values, limits)
            }
        }
    }
}

impl Evaluate for Expressions {
    fn evaluate(
        &self,
        expr: Expr,
        input: &Value,
        variables: &dyn Variables,
    ) -> Result<Value, EvaluateError> {
        let Some((source, code)) = self.0.expressions.get(expr.0 as usize) else {
            return Err(EvaluateError { detail: format!("there is no expression {}", expr.0) });
        };
        code.evaluate(input, variables, &self.0.limits).map_err(|why| said(source, &why))
    }

    fn validate(&self, schema: Schema, value: &Value) -> Result<(), EvaluateError> {
        let Some(validator) = self.0.schemas.get(schema.0 as usize) else {
            return Err(EvaluateError { detail: format!("there is no schema {}", schema.0) });
        };
        schema::validate(validator, value).map_err(|detail| EvaluateError { detail })
    }
}

/// Why an expression failed.
fn said(source: &str, why: &str) -> EvaluateError {
    let mut shown: String = source.chars().take(SHOWN_MAX).collect();
    if shown.len() < source.len() {
        shown.push('…');
    }
    EvaluateError { detail: format!("the expression `{shown}` {why}") }
}

/// jq for expressions that stand alone, as workers get them. Cheap to clone.
#[derive(Clone)]
pub struct Jq(Arc<(Toolbox, Limits)>);

impl std::fmt::Debug for Jq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jq")
    }
}

impl Jq {
    /// Expressions under `limits`.
    #[must_use]
    pub fn new(limits: impl Into<Limits>) -> Self {
        Self(Arc::new((kintsugi_jq::on_big_stack(Toolbox::default), limits.into())))
    }

    /// Compiles an expression, without `${ }`.
    ///
    /// # Errors
    ///
    /// When it is not jq, or names what there is not.
    pub fn compile(&self, source: &str) -> Result<Expression, EvaluateError> {
        let code = kintsugi_jq::on_big_stack(|| Code::of(&self.0.0, source));
        let code = code.map_err(|detail| EvaluateError { detail })?;
        Ok(Expression { jq: self.clone(), source: source.to_owned(), code })
    }
}

/// A compiled expression that stands alone.
pub struct Expression {
    jq: Jq,
    source: String,
    code: Code,
}

impl Expression {
    /// Its first output for `input`; null when there is none.
    ///
    /// # Errors
    ///
    /// When it fails, exceeds a limit, or names a variable that is not there.
    pub fn evaluate(
        &self,
        input: &Value,
        variables: &dyn Variables,
    ) -> Result<Value, EvaluateError> {
        let result = self.code.evaluate(input, variables, &self.jq.0.1);
        result.map_err(|why| said(&self.source, &why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_shared_between_threads() {
        fn shared<T: Send + Sync + Clone>() {}
        shared::<Expressions>();
    }
}
