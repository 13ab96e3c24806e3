//! What workers get, and what they give: both as the registry of task types says.

use serde_json::{Map, Value, json};

use super::{Machine, scope::Place};
use crate::{Call, DEPTH_MAX, Error, ErrorKind, Fault, Variables, is_too_deep};

impl Machine<'_> {
    /// What the worker gets: the call's arguments, and with them what it evaluates itself.
    pub(super) fn arguments(
        &self,
        call: &Call,
        input: &Value,
        place: &Place<'_>,
    ) -> Result<Value, Error> {
        let mut arguments = self.render(&call.with, input, place)?;
        if call.input_schema.is_some() {
            let pointer = place.node.map_or("", |node| node.pointer.as_str());
            self.check(call.input_schema, &arguments, pointer)?;
        }
        if call.deferred.is_empty() {
            return Ok(arguments);
        }
        let scope = self.scope(place);
        let deferred = call.deferred.iter().map(|one| {
            let variables = one.variables.iter().map(|name| {
                let value = scope.get(name).ok_or_else(|| {
                    let pointer = place.node.map_or("", |node| node.pointer.as_str());
                    let detail = format!("`${name}` is not available here");
                    Error::new(ErrorKind::Expression, pointer, detail)
                })?;
                Ok((name.clone(), value))
            });
            Ok(json!({
                "at": one.at,
                "expression": one.expression,
                "input": one.input.then_some(input),
                "variables": variables.collect::<Result<Map<_, _>, Error>>()?,
                "secrets": one.secrets,
            }))
        });
        let deferred = deferred.collect::<Result<Value, Error>>()?;
        if let Value::Object(arguments) = &mut arguments {
            arguments.insert("deferred".to_owned(), deferred);
        }
        Ok(arguments)
    }

    /// Why a worker's output is none of the task; none: it is. Another attempt of the same code would
    /// give the like, so there is none.
    pub(super) fn unfit(&self, number: u64, output: &Value) -> Option<Fault> {
        let message = if is_too_deep(output) {
            format!("the output nests deeper than {DEPTH_MAX} levels")
        } else {
            let (node, call) = self.call_of(number)?;
            let checked = self.check(call.output_schema, output, &node.pointer);
            format!("the output {}", checked.err()?.detail.unwrap_or_default())
        };
        let kind = Some(ErrorKind::Validation.parts().0.to_owned());
        Some(Fault { message, kind, fatal: true, ..Fault::default() })
    }
}
