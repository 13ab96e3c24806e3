//! Expressions in their place: variables, templates, durations.

use serde_json::{Map, Value, json};

use super::Machine;
use crate::{
    Body, DEPTH_MAX, Error, ErrorKind, EvaluateError, Expr, Extending, Frame, Kind, Node, Program,
    RunState, Schema, Span, Stage, TaskFrame, Template, Timestamp, Variables, Work, is_too_deep,
    iso_millis,
};

/// Longer durations are slips; sums of these cannot overflow.
const MILLIS_MAX: u64 = 9_000_000_000_000_000;

/// What an expression may name, at one place of the specification's table.
#[derive(Default)]
pub(super) struct Place<'p> {
    /// The task; none: the workflow's own input and output.
    pub(super) node: Option<&'p Node>,
    /// The frame from which variables and context are looked up.
    pub(super) frame: Option<u64>,
    /// `$input`, where there is one.
    pub(super) input: Option<&'p Value>,
    /// `$output`, where there is one.
    pub(super) output: Option<&'p Value>,
    /// `$task.input`.
    pub(super) raw_input: Option<&'p Value>,
    /// `$task.output`.
    pub(super) raw_output: Option<&'p Value>,
    /// Variables of the place itself, before those of the frames.
    pub(super) own: &'p [(&'p str, Value)],
    /// `$task` is that of an extension: a task with its definition's keys.
    pub(super) extended: bool,
    /// No `$context` (workflow `input.from`).
    pub(super) without_context: bool,
}

impl<'p> Place<'p> {
    /// Where a task has its input, and no output yet.
    pub(super) fn of(node: &'p Node, frame: u64, input: &'p Value, raw_input: &'p Value) -> Self {
        Self {
            node: Some(node),
            frame: Some(frame),
            input: Some(input),
            raw_input: Some(raw_input),
            ..Self::default()
        }
    }
}

pub(super) struct Scope<'m, 'p> {
    run: &'m str,
    program: &'m Program,
    state: &'m RunState,
    now: Timestamp,
    place: &'m Place<'p>,
}

impl Variables for Scope<'_, '_> {
    fn get(&self, name: &str) -> Option<Value> {
        if let Some((_, value)) = self.place.own.iter().find(|(own, _)| *own == name) {
            return Some(value.clone());
        }
        match name {
            "context" if !self.place.without_context => {
                Some(context_of(self.state, self.place.frame).clone())
            }
            "input" => self.place.input.cloned(),
            "output" => self.place.output.cloned(),
            "workflow" => Some(json!({
                "id": self.run,
                "definition": self.program.document,
                "input": self.state.raw_input,
                "startedAt": moment(self.state.started_at.unwrap_or(self.now)),
            })),
            "runtime" => Some(json!({
                "name": "kintsugi", "version": env!("CARGO_PKG_VERSION"), "metadata": {},
            })),
            "task" => self.extended_task().or_else(|| self.place.node.map(|node| self.task(node))),
            _ => self.frame_variable(name),
        }
    }
}

impl Scope<'_, '_> {
    fn task(&self, node: &Node) -> Value {
        let mut task = Map::new();
        task.insert("name".into(), node.name.as_str().into());
        task.insert("reference".into(), node.pointer.as_str().into());
        let definition = self.program.definition_at(&node.pointer).cloned().unwrap_or_default();
        task.insert("definition".into(), definition);
        task.insert("startedAt".into(), moment(self.started(node)));
        if let Some(input) = self.place.raw_input {
            task.insert("input".into(), input.clone());
        }
        if let Some(output) = self.place.raw_output {
            task.insert("output".into(), output.clone());
        }
        Value::Object(task)
    }

    /// `$task` in the tasks and the condition of an extension: the task that it is around, with its
    /// raw output once it has one. Examples of the specification read its definition's keys from it
    /// (`$task.with`), so it has them besides.
    fn extended_task(&self) -> Option<Value> {
        let mut at = self.place.frame;
        loop {
            let frame = self.state.frames.get(&at?)?;
            let of_extension = |own: &Extending| {
                if at == self.place.frame { self.place.extended } else { own.stage != Stage::Core }
            };
            if let Body::Task(open) = &frame.body {
                let node = self.program.node(open.node)?;
                match &open.work {
                    Work::Extended(own) if of_extension(own) => {
                        let output = own.output.as_ref();
                        return Some(self.with_keys(node, &open.raw_input, output, frame.at));
                    }
                    // A function knows nothing of where it is called.
                    _ if matches!(
                        node.kind,
                        Kind::Function { .. } | Kind::Map(_) | Kind::Compensate
                    ) =>
                    {
                        return None;
                    }
                    _ => {}
                }
            }
            at = frame.parent;
        }
    }

    fn with_keys(
        &self,
        node: &Node,
        input: &Value,
        output: Option<&Value>,
        at: Timestamp,
    ) -> Value {
        let definition = self.program.definition_at(&node.pointer).cloned().unwrap_or_default();
        let mut task = definition.as_object().cloned().unwrap_or_default();
        task.insert("name".into(), node.name.as_str().into());
        task.insert("reference".into(), node.pointer.as_str().into());
        task.insert("definition".into(), definition);
        task.insert("startedAt".into(), moment(at));
        task.insert("input".into(), input.clone());
        match output {
            Some(output) => task.insert("output".into(), output.clone()),
            None => task.remove("output"),
        };
        Value::Object(task)
    }

    /// When a task began: that of its frame; without one, it begins and ends now.
    fn started(&self, node: &Node) -> Timestamp {
        let frame = self.place.frame.and_then(|number| self.state.frames.get(&number));
        let own = frame.filter(|frame| match &frame.body {
            Body::Task(open) => {
                let of = self.program.node(open.node);
                of.is_some_and(|of| of.pointer == node.pointer)
            }
            Body::List { .. } | Body::Branch { .. } | Body::Core => false,
        });
        own.map_or(self.now, |frame| frame.at)
    }

    fn frame_variable(&self, name: &str) -> Option<Value> {
        let mut at = self.place.frame;
        while let Some(number) = at {
            let frame = self.state.frames.get(&number)?;
            if let Some(value) = frame.variables.get(name) {
                return Some(value.clone());
            }
            at = frame.parent;
        }
        None
    }
}

/// `$context` as seen from a frame: that of the nearest branch of a fork that has one of its own, else
/// the run's.
pub(super) fn context_of(state: &RunState, frame: Option<u64>) -> &Value {
    let mut at = frame;
    while let Some(frame) = at.and_then(|number| state.frames.get(&number)) {
        if let Some(context) = &frame.context {
            return context;
        }
        at = frame.parent;
    }
    &state.context
}

fn moment(at: Timestamp) -> Value {
    json!({
        "iso8601": at.to_rfc3339(),
        "epoch": { "seconds": at.0.div_euclid(1000), "milliseconds": at.0 },
    })
}

impl Machine<'_> {
    pub(super) fn scope<'m, 'p>(&'m self, place: &'m Place<'p>) -> Scope<'m, 'p> {
        Scope {
            run: self.run.as_str(),
            program: self.program,
            state: self.state,
            now: self.now,
            place,
        }
    }

    pub(super) fn evaluate(
        &self,
        expr: Expr,
        input: &Value,
        place: &Place<'_>,
    ) -> Result<Value, Error> {
        self.evaluate.evaluate(expr, input, &self.scope(place)).map_err(|error| {
            let pointer = place.node.map_or("", |node| node.pointer.as_str());
            Error::new(ErrorKind::Expression, pointer, error.detail)
        })
    }

    /// Whether a condition holds. As in jq, only `false` and `null` do not.
    pub(super) fn holds(
        &self,
        expr: Expr,
        input: &Value,
        place: &Place<'_>,
    ) -> Result<bool, Error> {
        let value = self.evaluate(expr, input, place)?;
        Ok(!matches!(value, Value::Null | Value::Bool(false)))
    }

    /// The value of a template. One that nests too deep is an error: nobody could read the state
    /// again that it stands in.
    pub(super) fn render(
        &self,
        template: &Template,
        input: &Value,
        place: &Place<'_>,
    ) -> Result<Value, Error> {
        let value = self.part(template, input, place)?;
        if is_too_deep(&value) {
            let pointer = place.node.map_or("", |node| node.pointer.as_str());
            let detail = format!("the value nests deeper than {DEPTH_MAX} levels");
            return Err(Error::new(ErrorKind::Expression, pointer, detail));
        }
        Ok(value)
    }

    fn part(&self, template: &Template, input: &Value, place: &Place<'_>) -> Result<Value, Error> {
        match template {
            Template::Literal(value) => Ok(value.clone()),
            Template::Expr(expr) => self.evaluate(*expr, input, place),
            // What the loose mode takes for an expression may be a plain text.
            Template::Loose(expr, text) => Ok(self
                .evaluate(*expr, input, place)
                .unwrap_or_else(|_| Value::String(text.clone()))),
            Template::Array(items) => {
                let items = items.iter().map(|item| self.part(item, input, place));
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            Template::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.part(value, input, place)?)));
                Ok(Value::Object(fields.collect::<Result<_, Error>>()?))
            }
            Template::Uri(parts) => {
                let pointer = place.node.map_or("", |node| node.pointer.as_str());
                uri(parts, input)
                    .map(Value::String)
                    .map_err(|error| Error::new(ErrorKind::Expression, pointer, error.detail))
            }
        }
    }

    pub(super) fn check(
        &self,
        schema: Option<Schema>,
        value: &Value,
        pointer: &str,
    ) -> Result<(), Error> {
        let Some(schema) = schema else { return Ok(()) };
        self.evaluate
            .validate(schema, value)
            .map_err(|error| Error::new(ErrorKind::Validation, pointer, error.detail))
    }

    pub(super) fn millis(
        &self,
        span: Span,
        input: &Value,
        place: &Place<'_>,
    ) -> Result<u64, Error> {
        let expr = match span {
            Span::Millis(millis) => return Ok(millis),
            Span::Expr(expr) => expr,
        };
        let value = self.evaluate(expr, input, place)?;
        data_millis(&value).ok_or_else(|| {
            let pointer = place.node.map_or("", |node| node.pointer.as_str());
            let detail = "a duration must be an ISO 8601 duration such as `PT5S`, or an object of \
                          days, hours, minutes, seconds and milliseconds";
            Error::new(ErrorKind::Expression, pointer, detail)
        })
    }

    /// Replaces `$context` as seen from a frame: that of its branch, else the run's.
    pub(super) fn set_context(&mut self, frame: u64, context: Value) {
        let mut at = Some(frame);
        while let Some(number) = at {
            let Some(found) = self.state.frames.get(&number) else { break };
            if found.context.is_some() || self.is_apart(found) {
                break;
            }
            at = found.parent;
        }
        match at.and_then(|number| self.state.frames.get_mut(&number)) {
            Some(frame) => frame.context = Some(context),
            None => self.state.context = context,
        }
    }

    /// Whether what is exported below a frame is its own until it joins others.
    fn is_apart(&self, frame: &Frame) -> bool {
        let above = frame.parent.and_then(|number| self.body(number));
        let of_many = |open: &TaskFrame| matches!(open.work, Work::Fork { .. } | Work::Map(_));
        matches!((&frame.body, above), (Body::Branch { .. }, Some(Body::Task(open))) if of_many(open))
    }

    pub(super) fn body(&self, frame: u64) -> Option<&Body> {
        self.state.frames.get(&frame).map(|frame| &frame.body)
    }
}

fn uri(parts: &[(String, Option<String>)], input: &Value) -> Result<String, EvaluateError> {
    let mut text = String::new();
    for (literal, name) in parts {
        text.push_str(literal);
        let Some(name) = name else { continue };
        match input.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(value)) => percent_encode(value, &mut text),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => text.push_str(&value.to_string()),
            Some(_) => {
                let detail = format!("`{name}` of the URI template is not a scalar");
                return Err(EvaluateError { detail });
            }
        }
    }
    Ok(text)
}

/// Everything but unreserved characters is escaped (RFC 6570, section 3.2.2).
fn percent_encode(value: &str, text: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Milliseconds of a duration as data: an ISO 8601 duration of weeks, days and smaller units, or
/// an object as in the DSL.
pub(super) fn data_millis(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => iso_millis(text).filter(|millis| *millis < MILLIS_MAX),
        Value::Object(fields) => fields.iter().try_fold(0_u64, |sum, (unit, count)| {
            let unit = match unit.as_str() {
                "days" => 86_400_000,
                "hours" => 3_600_000,
                "minutes" => 60_000,
                "seconds" => 1_000,
                "milliseconds" => 1,
                _ => return None,
            };
            sum.checked_add(count.as_u64()?.checked_mul(unit)?)
        }),
        _ => None,
    }
}
