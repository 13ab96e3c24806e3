//! Branches, functions, and what this engine adds to the language, as the interpreter reads them.

use serde_json::{Value, json};

use super::interpret::{Sees, Stop, Undo, World, error};

impl World<'_> {
    pub(crate) fn fork(
        &mut self,
        branches: &Value,
        at: &str,
        input: &Value,
    ) -> Result<Value, Stop> {
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

    pub(crate) fn call(
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

    pub(crate) fn function(&mut self, name: &str, at: &str, input: Value) -> Result<Value, Stop> {
        let document = self.document;
        let outer = std::mem::take(&mut self.variables);
        let result = self.task(name, &document["use"]["functions"][name], at, input);
        self.variables = outer;
        match result? {
            (output, Some(then)) if then == "end" => Err(Stop::End(output)),
            (output, _) => Ok(output),
        }
    }

    pub(crate) fn map(
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

    pub(crate) fn compensate(&mut self) -> Result<Value, Stop> {
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
