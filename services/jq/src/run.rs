//! Evaluation of a compiled expression.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jaq_core::compile::TermId;
use jaq_core::data::HasLut;
use jaq_core::{Ctx, DataT, Lut, Vars, unwrap_valr};
use jaq_json::Val;
use serde_json::Value;

use super::budget::{Budget, Stop};
use super::{BIG_STACK, value};
use crate::Limits;

/// Stack that one level of a term may take; measured with a wide margin.
const FRAME: usize = if cfg!(debug_assertions) { 24 << 10 } else { 6 << 10 };

/// Stack that natives and the unwinding of nested iterators may take in any case.
const RESERVE: usize = 256 << 10;

/// What jaq is told about our values and data.
pub(crate) struct Engine;

/// Data of one evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    lut: &'a Lut<Engine>,
    pub(super) budget: &'a Budget<'a>,
}

impl DataT for Engine {
    type V<'a> = Val;
    type Data<'a> = Run<'a>;
}

impl<'a> HasLut<'a, Engine> for Run<'a> {
    fn lut(&self) -> &'a Lut<Engine> {
        self.lut
    }
}

/// A compiled expression.
pub struct Filter {
    lut: Lut<Engine>,
    id: TermId,
    variables: Vec<String>,
    secrets: Option<BTreeSet<String>>,
    reserve: usize,
}

impl Filter {
    pub(super) fn new(
        filter: jaq_core::Filter<Engine>,
        variables: Vec<String>,
        secrets: Option<BTreeSet<String>>,
        height: usize,
    ) -> Self {
        let reserve = RESERVE + height * FRAME;
        Self { lut: filter.lut, id: filter.id, variables, secrets, reserve }
    }

    /// Which properties of `$secrets` it reads; none: that cannot be told.
    #[must_use]
    pub fn secrets(&self) -> Option<&BTreeSet<String>> {
        self.secrets.as_ref()
    }

    /// Names of the variables that it needs, without `$`.
    #[must_use]
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// The first output for `input`; null when there is none.
    ///
    /// What happens on the caller's stack and what on a big one makes no difference to the result:
    /// what runs out of the one is tried on the other.
    ///
    /// # Errors
    ///
    /// When it fails or exceeds a limit: says so without the values.
    pub fn run(
        &self,
        input: &Value,
        variables: &[Value],
        limits: &Limits,
    ) -> Result<Value, String> {
        if stacker::remaining_stack().is_some_and(|left| left / 2 > self.reserve) {
            match self.attempt(input, variables, limits, self.reserve) {
                Err((Some(Stop::Stack), _)) => {}
                other => return other.map_err(|(_, detail)| detail),
            }
        }
        let reserve = self.reserve.max(BIG_STACK / 2);
        stacker::grow(BIG_STACK.max(self.reserve * 2), || {
            self.attempt(input, variables, limits, reserve).map_err(|(_, detail)| detail)
        })
    }

    fn attempt(
        &self,
        input: &Value,
        variables: &[Value],
        limits: &Limits,
        reserve: usize,
    ) -> Result<Value, (Option<Stop>, String)> {
        let budget = Budget::new(limits, reserve);
        let result = catch_unwind(AssertUnwindSafe(|| self.first(input, variables, &budget)));
        if let Some(why) = budget.stopped() {
            return Err((Some(why), why.reason().to_owned()));
        }
        match result {
            Ok(result) => result.map_err(|detail| (None, detail)),
            Err(_) => Err((None, "fails within the evaluator".to_owned())),
        }
    }

    fn first(
        &self,
        input: &Value,
        variables: &[Value],
        budget: &Budget<'_>,
    ) -> Result<Value, String> {
        let run = Run { lut: &self.lut, budget };
        let ctx = Ctx::<Engine>::new(run, Vars::new(variables.iter().map(value::from_json)));
        let first = self.id.run((ctx, value::from_json(input))).map(unwrap_valr).next();
        match first {
            None => Ok(Value::Null),
            Some(Ok(output)) => {
                budget.size(&output).map_err(|why| why.reason().to_owned())?;
                value::to_json(&output).map_err(str::to_owned)
            }
            Some(Err(err)) => Err(describe(&err.to_string())),
        }
    }
}

/// What an error of jaq says, without the values in it: they are data of a run.
fn describe(text: &str) -> String {
    let kind = |value: &str| match value.bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    };
    if let Some(rest) = text.strip_prefix("cannot use ") {
        let wanted = rest.rsplit_once(" as ").map_or("that", |(_, wanted)| wanted);
        return format!("cannot use {} as {wanted}", kind(rest));
    }
    if let Some(rest) = text.strip_prefix("cannot index ") {
        let index = rest.rsplit_once(" with ").map_or("a number", |(_, index)| kind(index));
        return format!("cannot index {} with {index}", kind(rest));
    }
    if let Some(rest) = text.strip_prefix("cannot calculate ") {
        return format!("cannot calculate with {} and that other value", kind(rest));
    }
    if text.starts_with("invalid path expression") {
        return "has an invalid path expression".to_owned();
    }
    "raised an error".to_owned()
}
