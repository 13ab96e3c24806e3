//! The expressions and schemas of one program, compiled once.

use std::sync::Arc;

use jsonschema::Validator;
use kintsugi_core::{Evaluate, EvaluateError, Expr, Program, Schema, Variables};
use kintsugi_jq::{Filter, Simple, Toolbox, walk};
use serde_json::Value;

use crate::schema::Refusal;
use crate::source::Mark;
use crate::{Limits, Problem, Problems, schema};

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
    /// When one does not compile, which [`crate::compile`] would have told.
    pub fn new(program: &Program, limits: Limits) -> Result<Self, Problems> {
        kintsugi_jq::on_big_stack(|| {
            let toolbox = Toolbox::default();
            let mut problems = Vec::new();
            let mut problem = |code, message| {
                problems.push(Problem::new(code, Mark::default(), message));
            };
            let mut expressions = Vec::with_capacity(program.expressions.len());
            for source in &program.expressions {
                let code = match Simple::parse(source) {
                    Some(simple) => Code::Simple(simple),
                    None => match toolbox.compile(source) {
                        Ok(filter) => Code::Filter(Box::new(filter)),
                        Err(err) => {
                            problem("invalid-expression", err.message);
                            continue;
                        }
                    },
                };
                expressions.push((source.clone(), code));
            }
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
}

impl Inner {
    fn evaluate(
        &self,
        code: &Code,
        input: &Value,
        variables: &dyn Variables,
    ) -> Result<Value, String> {
        let get = |name: &String| {
            variables.get(name).ok_or_else(|| format!("names ${name}, which is not available here"))
        };
        match code {
            Code::Simple(Simple::Literal(value)) => Ok(value.clone()),
            Code::Simple(Simple::Path { variable: None, keys }) => walk(input, keys).cloned(),
            Code::Simple(Simple::Path { variable: Some(name), keys }) => {
                let value = get(name)?;
                if keys.is_empty() { Ok(value) } else { walk(&value, keys).cloned() }
            }
            Code::Filter(filter) => {
                let values: Vec<_> =
                    filter.variables().iter().map(get).collect::<Result<_, _>>()?;
                filter.run(input, &values, &self.limits.evaluation)
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
        self.0.evaluate(code, input, variables).map_err(|why| {
            let mut shown: String = source.chars().take(SHOWN_MAX).collect();
            if shown.len() < source.len() {
                shown.push('…');
            }
            EvaluateError { detail: format!("the expression `{shown}` {why}") }
        })
    }

    fn validate(&self, schema: Schema, value: &Value) -> Result<(), EvaluateError> {
        let Some(validator) = self.0.schemas.get(schema.0 as usize) else {
            return Err(EvaluateError { detail: format!("there is no schema {}", schema.0) });
        };
        schema::validate(validator, value).map_err(|detail| EvaluateError { detail })
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
