//! `run: shell` and `run: script`.

use std::{collections::BTreeMap, path::Path};

use kintsugi_worker::{Context, Failure};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Config,
    launch::{Launch, Work, environment},
};

/// What shells, scripts and containers are given alike.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Given {
    pub(crate) stdin: Option<Value>,
    #[serde(default)]
    pub(crate) arguments: Vec<Value>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, Value>,
}

impl Given {
    pub(crate) fn stdin(&self) -> Option<String> {
        self.stdin.as_ref().map(plain)
    }

    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        self.environment.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
    }
}

/// A text as it is; nothing as nothing; anything else as JSON.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `run: shell`.
#[derive(Debug, Deserialize)]
pub(crate) struct Shell {
    command: String,
    #[serde(flatten)]
    given: Given,
}

impl Shell {
    /// The arguments are `$1`, `$2` and so on of the command.
    pub(crate) fn launch(self, _: &Config, context: &Context, work: &Work) -> Launch {
        let fixed = ["-c".to_owned(), self.command.clone(), "sh".to_owned()];
        let arguments = fixed.into_iter().chain(self.given.arguments.iter().map(plain));
        launch(Path::new("/bin/sh"), arguments, &self.given, context, work)
    }
}

/// `run: script`.
#[derive(Debug, Deserialize)]
pub(crate) struct Script {
    language: Language,
    code: String,
    #[serde(flatten)]
    given: Given,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Language {
    JavaScript,
    Python,
}

impl Script {
    pub(crate) fn launch(
        self,
        config: &Config,
        context: &Context,
        work: &Work,
    ) -> Result<Launch, Failure> {
        let (program, name) = match self.language {
            Language::JavaScript if is_module(&self.code) => (&config.node, "script.mjs"),
            Language::JavaScript => (&config.node, "script.cjs"),
            Language::Python => (&config.python, "script.py"),
        };
        let file = work.path().join(name);
        std::fs::write(&file, &self.code).map_err(|error| {
            Failure::retryable(format!("the script cannot be written to its folder: {error}"))
        })?;
        let arguments = self.given.arguments.iter().map(plain);
        let arguments = [file.display().to_string()].into_iter().chain(arguments);
        Ok(launch(program, arguments, &self.given, context, work))
    }
}

/// Whether JavaScript is a module: only those can import and export, and wait at the top.
fn is_module(code: &str) -> bool {
    code.lines().any(|line| {
        let line = line.trim_start();
        let words = ["import ", "import{", "import\"", "import'", "export ", "export{", "await "];
        words.iter().any(|word| line.starts_with(word))
    })
}

fn launch(
    program: &Path,
    arguments: impl Iterator<Item = String>,
    given: &Given,
    context: &Context,
    work: &Work,
) -> Launch {
    Launch {
        program: program.to_owned(),
        arguments: arguments.map(Into::into).collect(),
        stdin: given.stdin(),
        environment: environment(context, work.path(), &given.environment()),
        directory: work.path().to_owned(),
        watch_memory: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_told_by_their_words() {
        assert!(is_module("// x\n import { a } from 'node:fs';"));
        assert!(is_module("await fetch('x')"));
        assert!(!is_module("const fs = require('fs'); console.log('import x')"));
    }
}
