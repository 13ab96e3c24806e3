//! The language as a simple recursive interpreter of the document reads it: no time, no state that
//! outlives a call, one task after the other.

use std::collections::BTreeMap;

use kintsugi_core::{Evaluate, Expr, Program};
use kintsugi_definition::{Expressions, Limits};
use serde_json::{Map as Object, Value, json};

use super::common::{Map, program_of};

/// Why a list is not gone on with.
enum Stop {
    /// The run is over, with this output.
    End(Value),
    Error(Value),
}

/// A task that can be undone.
struct Undo {
    with: Value,
    function: String,
    /// Reference of the task that undoes it.
    reference: String,
    of: String,
    /// Every `try` that it completed in.
    tries: Vec<usize>,
}

struct World<'d> {
    document: &'d Value,
    input: &'d Value,
    context: Value,
    variables: BTreeMap<String, Value>,
    undos: Vec<Undo>,
    /// Every `try` that is trying, by number.
    tries: Vec<usize>,
    /// The `try` whose handler runs, the innermost last.
    handling: Vec<usize>,
    numbers: usize,
    compiled: BTreeMap<String, Expressions>,
    program: Program,
}

/// What an expression sees besides the context and variables.
#[derive(Clone, Copy, Default)]
struct Sees<'s> {
    task: Option<(&'s str, &'s str)>,
    input: Option<&'s Value>,
    output: Option<&'s Value>,
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

fn error(kind: &str, status: u64, instance: &str) -> Stop {
    let kind = format!("https://open-workflow-specification.org/spec/1.0.0/errors/{kind}");
    Stop::Error(json!({"type": kind, "status": status, "instance": instance}))
}

impl World<'_> {
    fn evaluate(&mut self, code: &str, input: &Value, sees: Sees<'_>) -> Result<Value, Stop> {
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

    fn holds(&mut self, code: &Value, input: &Value, sees: Sees<'_>) -> Result<bool, Stop> {
        let value = self.evaluate(code.as_str().unwrap(), input, sees)?;
        Ok(!matches!(value, Value::Null | Value::Bool(false)))
    }

    /// A value in which texts in `${ }` are expressions.
    fn render(&mut self, value: &Value, input: &Value, sees: Sees<'_>) -> Result<Value, Stop> {
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

    fn list(&mut self, tasks: &Value, at: &str, mut data: Value) -> Result<Value, Stop> {
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
    fn task(
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
            Some(as_) => {
                let sees = Sees { output: Some(&output), ..sees };
                self.evaluate(as_.as_str().unwrap(), &output, sees)?
            }
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

    fn perform(
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

    fn switch(
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

    fn each(
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
            let sees = Sees { input: Some(&data), ..sees };
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

    fn attempt(
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
    fn handle(
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

    fn fork(&mut self, branches: &Value, at: &str, input: &Value) -> Result<Value, Stop> {
        let before = self.context.clone();
        let (mut outputs, mut joined, mut stop) = (Vec::new(), before.clone(), None);
        for (index, branch) in branches.as_array().unwrap().iter().enumerate() {
            for (name, task) in branch.as_object().unwrap() {
                let reference = format!("{at}/fork/branches/{index}/{name}");
                self.context = before.clone();
                match self.task(name, task, &reference, input.clone()) {
                    Ok((output, then)) if then.as_deref() == Some("end") => {
                        stop = Some(Stop::End(output))
                    }
                    Ok((output, _)) => outputs.push(output),
                    Err(other) => stop = Some(other),
                }
                if self.context != before {
                    merge(&mut joined, self.context.clone());
                }
            }
        }
        match stop {
            Some(stop) => {
                self.context = before;
                Err(stop)
            }
            None => {
                self.context = joined;
                Ok(Value::Array(outputs))
            }
        }
    }

    fn call(
        &mut self,
        task: &Value,
        at: &str,
        input: &Value,
        sees: Sees<'_>,
    ) -> Result<Value, Stop> {
        let name = task["call"].as_str().unwrap();
        match name {
            "compensate" => return self.compensate(),
            "map" => return self.map(&task["with"], at, input, sees),
            _ => {}
        }
        let with = match task.get("with") {
            Some(with) => self.render(with, input, sees)?,
            None => input.clone(),
        };
        if name == "work" {
            return match with["plan"].as_u64().unwrap() {
                // Three attempts are made.
                0..3 => Ok(json!({"n": with["n"], "worked": true})),
                _ => Err(error("runtime", 500, at)),
            };
        }
        self.function(name, &format!("{at}/call"), with)
    }

    fn function(&mut self, name: &str, at: &str, input: Value) -> Result<Value, Stop> {
        let document = self.document;
        let outer = std::mem::take(&mut self.variables);
        let result = self.task(name, &document["use"]["functions"][name], at, input);
        self.variables = outer;
        match result? {
            (output, Some(then)) if then == "end" => Err(Stop::End(output)),
            (output, _) => Ok(output),
        }
    }

    fn map(
        &mut self,
        with: &Value,
        at: &str,
        input: &Value,
        sees: Sees<'_>,
    ) -> Result<Value, Stop> {
        let items = self.evaluate(with["in"].as_str().unwrap(), input, sees)?;
        let context = self.context.clone();
        let mut results = Vec::new();
        for item in items.as_array().unwrap() {
            let result =
                self.function(with["do"].as_str().unwrap(), &format!("{at}/with/do"), item.clone());
            self.context = context.clone();
            results.push(match result {
                Ok(output) => json!({ "output": output }),
                Err(Stop::Error(error)) => json!({ "error": error }),
                Err(end) => return Err(end),
            });
        }
        Ok(Value::Array(results))
    }

    fn compensate(&mut self) -> Result<Value, Stop> {
        let within = self.handling.last().copied();
        let mut done = Vec::new();
        loop {
            let matches = |undo: &Undo| within.is_none_or(|number| undo.tries.contains(&number));
            let Some(at) = self.undos.iter().rposition(matches) else {
                return Ok(Value::Array(done));
            };
            let undo = self.undos.remove(at);
            match self.function(&undo.function, &undo.reference, undo.with.clone()) {
                Ok(output) => done.push(json!({"task": undo.of, "output": output})),
                Err(stop) => {
                    self.undos.insert(at, undo);
                    return Err(stop);
                }
            }
        }
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(&key);
        } else {
            merge(&mut target[key], value);
        }
    }
}
