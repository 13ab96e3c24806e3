//! Arguments of calls that the engine carries out itself: the one place where `$secrets` may be
//! named, because the worker evaluates what names it.

use std::collections::BTreeSet;

use kintsugi_core::{Deferred, Template};
use serde_json::Value;

use super::{Compiler, VARIABLES};
use crate::Problem;
use crate::names::did_you_mean;
use crate::source::{Checks, Mark, Tree};

/// Where the compiler is within the arguments of such a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments {
    /// Pointer in the document.
    root: String,
    /// The same place in the arguments.
    at: String,
    /// What was found so far.
    pub(super) deferred: Vec<Deferred>,
}

impl<'a> Compiler<'a> {
    /// Compiles what stands at `root` in the document and goes to `at` in the arguments.
    pub(super) fn argument<T>(
        &mut self,
        root: &str,
        at: &str,
        inner: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let outer = self.arguments.as_mut().map(|arguments| {
            let outer = (arguments.root.clone(), arguments.at.clone());
            (arguments.root, arguments.at) = (root.to_owned(), at.to_owned());
            outer
        });
        let result = inner(self);
        if let (Some(arguments), Some(outer)) = (self.arguments.as_mut(), outer) {
            (arguments.root, arguments.at) = outer;
        }
        result
    }

    /// The value of `${ code }`: evaluated by the engine, or left to the worker.
    pub(super) fn value(&mut self, code: &str, mark: Mark, pointer: &str) -> Template {
        let null = Template::Literal(Value::Null);
        if self.arguments.is_some()
            && code.contains("$secrets")
            && let Ok(filter) = self.toolbox.compile(code)
            && filter.variables().iter().any(|name| name == "secrets")
        {
            self.leave(code, mark, pointer, true);
            return null;
        }
        self.expression(code, mark, pointer).map_or(null, Template::Expr)
    }

    /// Leaves an expression to the worker, which applies it to the task's input, or to what it
    /// finds out itself.
    pub(super) fn leave(&mut self, code: &str, mark: Mark, pointer: &str, on_input: bool) {
        let filter = match self.toolbox.compile(code) {
            Ok(filter) => filter,
            Err(err) => {
                let mut problem = Problem::new("invalid-expression", mark, err.message).at(pointer);
                problem.hint = err.hint;
                return self.problem(problem);
            }
        };
        let secrets = match filter.secrets() {
            Some(named) => {
                for name in named {
                    self.declared(name, mark, pointer);
                }
                named.clone()
            }
            None => {
                self.uses.secrets.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()
            }
        };
        let variables: Vec<String> =
            filter.variables().iter().filter(|name| *name != "secrets").cloned().collect();
        // A plain path into a variable needs no input.
        let plain = code.trim().starts_with('$') && !code.contains(['|', ',', '(', '[', '{']);
        let input = on_input && !plain;
        self.known(&variables, mark, pointer);
        let Some(arguments) = &mut self.arguments else { return };
        let rest = pointer.strip_prefix(&arguments.root).unwrap_or_default();
        arguments.deferred.push(Deferred {
            at: format!("{}{rest}", arguments.at),
            expression: code.to_owned(),
            input,
            variables,
            secrets: secrets.into_iter().collect(),
        });
    }

    /// A secret must stand in `use.secrets`; says whether it does.
    pub(super) fn declared(&mut self, name: &str, mark: Mark, pointer: &str) -> bool {
        if self.uses.secrets.contains(name) {
            return true;
        }
        let message = format!("there is no secret `{name}` in `use.secrets`");
        let hint = did_you_mean(name, self.uses.secrets.iter().copied())
            .unwrap_or_else(|| "name it in `use.secrets`".to_owned());
        self.problem(Problem::new("unknown-reference", mark, message).at(pointer).hint(hint));
        false
    }

    /// Refuses variables that cannot be there.
    pub(super) fn known(&mut self, names: &[String], mark: Mark, pointer: &str) {
        for name in names {
            let withheld = match name.as_str() {
                "secrets" => Some((
                    "secret-here",
                    "`$secrets` can only be named in arguments of calls that the engine carries out itself",
                    "secrets never reach the engine's state, so they are put in where the call is made",
                )),
                "authorization" => Some((
                    "secret-here",
                    "`$authorization` is not available: it would bring a secret into the engine's state",
                    "name the secret in the call's own arguments with `$secrets`",
                )),
                _ => None,
            };
            if let Some((code, message, hint)) = withheld {
                self.problem(Problem::new(code, mark, message).at(pointer).hint(hint));
                continue;
            }
            let known = VARIABLES.contains(&name.as_str()) || self.scope.contains(name);
            if known && self.before_runs {
                let message = format!("`${name}` has no value in `schedule.on`");
                let problem = Problem::new("unknown-variable", mark, message).at(pointer);
                self.problem(problem.hint("events are looked at before there is a run"));
            }
            if known {
                continue;
            }
            let candidates = VARIABLES.into_iter().chain(self.scope.iter().map(String::as_str));
            let hint = did_you_mean(name, candidates)
                .unwrap_or_else(|| format!("here are ${}", VARIABLES.join(", $")));
            let message = format!("there is no variable `${name}` here");
            self.problem(Problem::new("unknown-variable", mark, message).at(pointer).hint(hint));
        }
    }

    /// `use.secrets`.
    pub(super) fn secret_names(&mut self, tree: &'a Tree, pointer: &str) {
        let crate::source::Node::Array(items) = &tree.node else {
            return self.wrong_type(tree, pointer, "`use.secrets`", "an array of names");
        };
        for (index, item) in items.iter().enumerate() {
            let at = format!("{pointer}/{index}");
            let Some(name) = self.string(item, &at, "a secret's name") else { continue };
            let fits = (1..=128).contains(&name.len())
                && !name.starts_with('.')
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            if !fits {
                let message = format!("`{name}` is not a name of a secret");
                let problem = Problem::new("invalid-name", item.mark, message).at(&at);
                self.problem(
                    problem.hint("1 to 128 of `A-Z a-z 0-9 _ . -`, not beginning with a dot"),
                );
            } else if !self.uses.secrets.insert(name) {
                let message = format!("the secret `{name}` is named twice");
                self.problem(Problem::new("duplicate-name", item.mark, message).at(&at));
            }
        }
    }
}
