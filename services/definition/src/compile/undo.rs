//! Tasks that other tasks call for: what undoes them (`metadata.kintsugi.compensate`), and those of
//! the items of `call: map`.

use kintsugi_core::{Kind, Node, NodeId, Template, Undo};

use super::Compiler;
use super::call::{NATIVE, RESERVED};
use super::function::Callee;
use crate::Problem;
use crate::source::{self, Checks, Fields, Tree};

impl<'a> Compiler<'a> {
    /// What undoes a task, where its metadata says so.
    pub(super) fn undo(&mut self, task: &Fields<'a>) -> Option<Box<Undo>> {
        let (mut tree, mut at) = task.at("metadata")?;
        for key in ["kintsugi", "compensate"] {
            let source::Node::Object(entries) = &tree.node else { return None };
            let fields = Fields { entries, mark: tree.mark, pointer: at };
            (tree, at) = fields.at(key)?;
        }
        let what = "`compensate`";
        let fields = self.fields(tree, &at, what, &["call", "metadata", "with"])?;
        let message = "another runtime ignores `compensate` of `metadata.kintsugi`".to_owned();
        self.not_portable(tree.mark, &at, message);
        let with = fields.at("with").map(|(tree, at)| self.template(tree, &at));
        let (call, call_at) = self.required(&fields, "call", what)?;
        let reference = self.reference(&at);
        let references = (reference.clone(), format!("{reference}/call"));
        // It is no part of what a `try` around the task tries.
        let retrying = std::mem::take(&mut self.retrying);
        let task = self.task_for(&fields, call, &call_at, references);
        self.retrying = retrying;
        Some(Box::new(Undo { with, task: task? }))
    }

    /// A task for workers, or that of a function, which what `task` says calls for. Its input is
    /// given when it is entered; the references are those of one for workers and of a function's.
    pub(super) fn task_for(
        &mut self,
        task: &Fields<'a>,
        tree: &'a Tree,
        pointer: &str,
        (own, function): (String, String),
    ) -> Option<NodeId> {
        let name = self.string(tree, pointer, "the name of a function or task type")?;
        let is_taken = name == "http" || NATIVE.contains(&name) || RESERVED.contains(&name);
        if is_taken && !self.uses.functions.contains_key(name) {
            let message = format!("this takes a function or a task type, not `{name}`");
            let problem = Problem::new("invalid-name", tree.mark, message).at(pointer);
            self.problem(problem.hint("make it a function in `use.functions`"));
            return None;
        }
        let task_type = match self.callee(tree, name, pointer)? {
            Callee::Function(found) => return self.task_of(task, tree, found, function, pointer),
            Callee::TaskType(task_type) => task_type,
        };
        let input = self.expression(".", tree.mark, pointer).map(Template::Expr);
        let kind: Kind = self.given_out(task, &task_type, input, Vec::new());
        let node = Node::bare(name.to_owned(), own, kind);
        Some(self.add_node(node, tree.mark, pointer))
    }
}
