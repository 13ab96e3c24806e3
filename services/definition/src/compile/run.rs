//! `run`: another workflow, or a process that the engine's own worker starts, where the deployment
//! allows it.

use kintsugi_arguments::{able, process};
use kintsugi_core::{Ability, Kind};

use super::{Compiler, nothing};
use crate::Problem;
use crate::source::{Checks, Fields, Tree};

impl<'a> Compiler<'a> {
    pub(super) fn run(&mut self, task: &Fields<'a>, tree: &'a Tree, pointer: &str) -> Kind {
        let kinds = ["container", "script", "shell", "workflow"];
        let known = ["container", "script", "shell", "workflow", "await", "return"];
        let Some(fields) = self.fields(tree, pointer, "`run`", &known) else { return nothing() };
        let found: Vec<&str> =
            kinds.into_iter().filter(|kind| fields.entry(kind).is_some()).collect();
        let [kind] = found[..] else {
            let message = "`run` starts one thing";
            let problem = Problem::new("ambiguous-task", tree.mark, message).at(pointer);
            self.problem(problem.hint(format!("it has one of {}", kinds.join(", "))));
            return nothing();
        };
        let (body, at) = fields.at(kind).unwrap_or((tree, pointer.to_owned()));
        let (ability, task_type) = match kind {
            "shell" => (Ability::Shell, "run-shell"),
            "script" => (Ability::Script, "run-script"),
            "container" => (Ability::Container, "run-container"),
            _ => return self.run_workflow(&fields, body, &at),
        };
        able(self, ability, body, &at, &format!("`run.{kind}`"));
        self.built_in(task, task_type, &at, |c| process(c, ability, &fields, body, &at))
    }
}
