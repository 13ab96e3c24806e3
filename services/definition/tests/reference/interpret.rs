//! The language as a simple recursive interpreter of the document reads it: no time, no state that
//! outlives a call, one task after the other.

use std::collections::BTreeMap;

use kintsugi_core::{Evaluate, Expr, Program};
use kintsugi_definition::{Expressions, Limits};
use serde_json::{Map as Object, Value, json};

use super::common::{Map, program_of};

/// Why a list is not gone on with.
pub(crate) enum Stop {
    /// The run is over, with this output.
    End(Value),
    Error(Value),
}

/// A task that can be undone.
pub(crate) struct Undo {
    pub(crate) with: Value,
    pub(crate) function: String,
    /// Reference of the task that undoes it.
    pub(crate) reference: String,
    pub(crate) of: String,
    /// Every `try` that it completed in.
    pub(crate) tries: Vec<usize>,
}

pub(crate) struct World<'d> {
    pub(crate) document: &'d Value,
    pub(crate) input: &'d Value,
    pub(crate) context: Value,
    pub(crate) variables: BTreeMap<String, Value>,
    pub(crate) undos: Vec<Undo>,
    /// Every `try` that is trying, by number.
    pub(crate) tries: Vec<usize>,
    /// The `try` whose handler runs, the innermost last.
    pub(crate) handling: Vec<usize>,
    pub(crate) numbers: usize,
    pub(crate) compiled: BTreeMap<String, Expressions>,
    pub(crate) program: Program,
}

/// What an expression sees besides the context and variables.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sees<'s> {
    pub(crate) task: Option<(&'s str, &'s str)>,
    pub(crate) input: Option<&'s Value>,
    pub(crate) output: Option<&'s Value>,
}

/// Runs a document; gives its output or its error.
pub(crate) fn run(document: &Value, input: &Value) -> Result<Value, Value> {
    let mut world = World {
        document,
        input,
        context: input.clone(),
        variables: BTreeMap::new(),
        undos: Vec::new(),
        tries: Vec::new(),
        handling: Vec::new(),
        numbers: 0,
        compiled: BTreeMap::new(),
        program: program_of(".").unwrap(),
    };
    match world.list(&document["do"], "/do", input.clone()) {
        Ok(output) | Err(Stop::End(output)) => Ok(output),
        Err(Stop::Error(error)) => Err(error),
    }
}

pub(crate) fn error(kind: &str, status: u64, instance: &str) -> Stop {
    let kind = format!("https://open-workflow-specification.org/spec/1.0.0/errors/{kind}");
    Stop::Error(json!({"type": kind, "status": status, "instance": instance}))
}

impl World<'_> {
    pub(crate) fn evaluate(
        &mut self,
        code: &str,
        input: &Value,
        sees: Sees<'_>,
    ) -> Result<Value, Stop> {
        let code = code.trim();
        let code = code.strip_prefix("${").and_then(|code| code.strip_suffix('}')).unwrap_or(code);
        let mut variables = self.variables.clone();
        variables.insert("context".to_owned(), self.context.clone());
        variables.insert("workflow".to_owned(), json!({"input": self.input}));
        if let Some((name, reference)) = sees.task {
            variables.insert("task".to_owned(), json!({"name": name, "reference": reference}));
        }
        for (name, value) in [("input", sees.input), ("output", sees.output)] {
            if let Some(value) = value {
                variables.insert(name.to_owned(), value.clone());
            }
        }
        let compiled = self.compiled.entry(code.to_owned()).or_insert_with(|| {
            let program = Program { expressions: vec![code.to_owned()], ..self.program.clone() };
            Expressions::new(&program, Limits::default()).unwrap()
        });
        let at = sees.task.map_or("", |(_, reference)| reference);
        compiled.evaluate(Expr(0), input, &Map(variables)).map_err(|_| error("expression", 400, at))
    }

    pub(crate) fn holds(
        &mut self,
        code: &Value,
        input: &Value,
        sees: Sees<'_>,
    ) -> Result<bool, Stop> {
        let value = self.evaluate(code.as_str().unwrap(), input, sees)?;
        Ok(!matches!(value, Value::Null | Value::Bool(false)))
    }

    /// A value in which texts in `${ }` are expressions.
    pub(crate) fn render(
        &mut self,
        value: &Value,
        input: &Value,
        sees: Sees<'_>,
    ) -> Result<Value, Stop> {
        match value {
            Value::String(text) if text.starts_with("${") => self.evaluate(text, input, sees),
            Value::Array(items) => {
                items.iter().map(|item| self.render(item, input, sees)).collect()
            }
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| Ok((key.clone(), self.render(value, input, sees)?)))
                .collect::<Result<Object<_, _>, _>>()
                .map(Value::Object),
            _ => Ok(value.clone()),
        }
    }

    pub(crate) fn list(&mut self, tasks: &Value, at: &str, mut data: Value) -> Result<Value, Stop> {
        let tasks: Vec<(&String, &Value)> =
            tasks.as_array().unwrap().iter().flat_map(|task| task.as_object().unwrap()).collect();
        let mut next = 0;
        while let Some((name, task)) = tasks.get(next) {
            let reference = format!("{at}/{next}/{name}");
            let (output, then) = self.task(name, task, &reference, data)?;
            data = output;
            next = match then.as_deref() {
                None | Some("continue") => next + 1,
                Some("exit") => return Ok(data),
                Some("end") => return Err(Stop::End(data)),
                Some(target) => tasks.iter().position(|(name, _)| *name == target).unwrap(),
            };
        }
        Ok(data)
    }

    /// Output of a task, and where it leads.
    pub(crate) fn task(
        &mut self,
        name: &str,
        task: &Value,
        at: &str,
        raw: Value,
    ) -> Result<(Value, Option<String>), Stop> {
        let sees = Sees { task: Some((name, at)), ..Sees::default() };
        if let Some(condition) = task.get("if")
            && !self.holds(condition, &raw, sees)?
        {
            return Ok((raw, None));
        }
        let input = match task.pointer("/input/from") {
            Some(from) => self.evaluate(from.as_str().unwrap(), &raw, sees)?,
            None => raw,
        };
        let sees = Sees { input: Some(&input), ..sees };
        let (output, flow) = self.perform(task, at, &input, sees)?;
        let output = match task.pointer("/output/as") {
            Some(as_) => self.evaluate(as_.as_str().unwrap(), &output, sees)?,
            None => output,
        };
        let sees = Sees { output: Some(&output), ..sees };
        let undo = task.pointer("/metadata/kintsugi/compensate");
        let undo = match undo {
            Some(undo) => Some(Undo {
                with: match undo.get("with") {
                    Some(with) => self.render(with, &output, sees)?,
                    None => output.clone(),
                },
                function: undo["call"].as_str().unwrap().to_owned(),
                reference: format!("{at}/metadata/kintsugi/compensate/call"),
                of: at.to_owned(),
                tries: self.tries.clone(),
            }),
            None => None,
        };
        if let Some(export) = task.pointer("/export/as") {
            self.context = self.evaluate(export.as_str().unwrap(), &output, sees)?;
        }
        self.undos.extend(undo);
        let then = task.get("then").and_then(Value::as_str).map(str::to_owned);
        Ok((output, flow.or(then)))
    }

    pub(crate) fn perform(
        &mut self,
        task: &Value,
        at: &str,
        input: &Value,
        sees: Sees<'_>,
    ) -> Result<(Value, Option<String>), Stop> {
        if let Some(set) = task.get("set") {
            return Ok((self.render(set, input, sees)?, None));
        }
        if task.get("wait").is_some() {
            return Ok((input.clone(), None));
        }
        if let Some(cases) = task.get("switch") {
            return Ok((input.clone(), self.switch(cases, input, sees)?));
        }
        if let Some(raise) = task.pointer("/raise/error") {
            return Err(Stop::Error(
                json!({"type": raise["type"], "status": raise["status"], "instance": at}),
            ));
        }
        if let Some(of) = task.get("for") {
            return Ok((self.each(task, of, at, input, sees)?, None));
        }
        if let Some(tasks) = task.get("do") {
            return Ok((self.list(tasks, &format!("{at}/do"), input.clone())?, None));
        }
        if let Some(body) = task.get("try") {
            return self.attempt(body, &task["catch"], at, input, sees);
        }
        if let Some(fork) = task.get("fork") {
            return Ok((self.fork(&fork["branches"], at, input)?, None));
        }
        Ok((self.call(task, at, input, sees)?, None))
    }

    pub(crate) fn switch(
        &mut self,
        cases: &Value,
        input: &Value,
        sees: Sees<'_>,
    ) -> Result<Option<String>, Stop> {
        let mut default = None;
        for case in
            cases.as_array().unwrap().iter().flat_map(|case| case.as_object().unwrap().values())
        {
            let then = case["then"].as_str().map(str::to_owned);
            match case.get("when") {
                Some(when) if self.holds(when, input, sees)? => return Ok(then),
                Some(_) => {}
                None => default = then,
            }
        }
        Ok(default)
    }

    pub(crate) fn each(
        &mut self,
        task: &Value,
        of: &Value,
        at: &str,
        input: &Value,
        sees: Sees<'_>,
    ) -> Result<Value, Stop> {
        let items = match self.evaluate(of["in"].as_str().unwrap(), input, sees)? {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            _ => return Err(error("expression", 400, at)),
        };
        let outer = self.variables.clone();
        let mut data = input.clone();
        for (index, item) in items.into_iter().enumerate() {
            self.variables.insert("item".to_owned(), item);
            self.variables.insert("index".to_owned(), json!(index));
            let goes_on = match task.get("while") {
                Some(condition) => self.holds(condition, &data.clone(), sees),
                None => Ok(true),
            };
            let result = match goes_on {
                Ok(true) => self.list(&task["do"], &format!("{at}/do"), data.clone()),
                Ok(false) => break,
                Err(stop) => Err(stop),
            };
            match result {
                Ok(output) => data = output,
                Err(stop) => {
                    self.variables = outer;
                    return Err(stop);
                }
            }
        }
        self.variables = outer;
        Ok(data)
    }

    pub(crate) fn attempt(
        &mut self,
        body: &Value,
        catch: &Value,
        at: &str,
        input: &Value,
        sees: Sees<'_>,
    ) -> Result<(Value, Option<String>), Stop> {
        self.numbers += 1;
        let number = self.numbers;
        let mut retries = catch.pointer("/retry/limit/attempt/count").and_then(Value::as_u64);
        loop {
            self.tries.push(number);
            let result = self.list(body, &format!("{at}/try"), input.clone());
            self.tries.pop();
            let caught = match result {
                Ok(output) => return Ok((output, None)),
                Err(Stop::Error(error)) => error,
                Err(end) => return Err(end),
            };
            let is_of = catch
                .pointer("/errors/with/status")
                .is_none_or(|status| *status == caught["status"]);
            let outer = self.variables.insert("error".to_owned(), caught.clone());
            // A filter whose expression fails takes nothing.
            let taken = is_of
                && catch
                    .get("when")
                    .is_none_or(|when| self.holds(when, input, sees).unwrap_or(false));
            let result = if taken {
                self.handle(&mut retries, catch, at, input, number)
            } else {
                Some(Err(Stop::Error(caught.clone())))
            };
            match outer {
                Some(outer) => self.variables.insert("error".to_owned(), outer),
                None => self.variables.remove("error"),
            };
            match result {
                None => {}
                // Retried in vain, and nobody handles it.
                Some(Err(Stop::Error(Value::Null))) => return Err(Stop::Error(caught)),
                Some(Ok(output)) => {
                    return Ok((
                        output,
                        catch.get("then").and_then(Value::as_str).map(str::to_owned),
                    ));
                }
                Some(Err(stop)) => return Err(stop),
            }
        }
    }

    /// What a handler gives; none: it is tried again.
    pub(crate) fn handle(
        &mut self,
        retries: &mut Option<u64>,
        catch: &Value,
        at: &str,
        input: &Value,
        number: usize,
    ) -> Option<Result<Value, Stop>> {
        match retries {
            Some(left @ 1..) => {
                *left -= 1;
                return None;
            }
            Some(0) if catch.get("do").is_none() => return Some(Err(Stop::Error(Value::Null))),
            _ => {}
        }
        let Some(tasks) = catch.get("do") else { return Some(Ok(input.clone())) };
        self.handling.push(number);
        let result = self.list(tasks, &format!("{at}/catch/do"), input.clone());
        self.handling.pop();
        Some(result)
    }
}
