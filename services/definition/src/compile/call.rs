//! `call`: what a worker executes.

use kintsugi_core::{Call, Deferred, Kind, Messages, RetryPolicy, Template};

use super::deferred::Arguments;
use super::function::Callee;
use super::{Compiler, nothing};
use crate::source::{self, Checks, Fields, Node, Tree};

/// Protocols of the specification, besides `http`.
pub(super) const RESERVED: [&str; 5] = ["grpc", "openapi", "asyncapi", "a2a", "mcp"];

/// Functions of the default catalog that the engine carries out itself.
pub(super) const NATIVE: [&str; 3] = ["map", "compensate", "human-task"];

/// How long a subscription may take that has no time of its own: a day.
const LISTEN_MS: u64 = 86_400_000;

/// What connecting and handing over may take besides.
const LISTEN_MARGIN_MS: u64 = 60_000;

impl<'a> Compiler<'a> {
    pub(super) fn call(&mut self, task: &Fields<'a>, tree: &'a Tree, pointer: &str) -> Kind {
        let Some(name) = self.string(tree, pointer, "`call`") else { return nothing() };
        if name == "http" || RESERVED.contains(&name) {
            return self.protocol(task, name);
        }
        if NATIVE.contains(&name) && !self.uses.functions.contains_key(name) {
            return match name {
                "map" => self.map(task, tree, pointer),
                "human-task" => self.human(task, tree, pointer),
                _ => self.compensate(task, tree, pointer),
            };
        }
        if let Some((with, at)) = task.at("with")
            && !matches!(with.node, Node::Object(_))
        {
            self.wrong_type(with, &at, "`with`", "an object");
        }
        let name = match self.callee(tree, name, pointer) {
            Some(Callee::TaskType(name)) => name,
            Some(Callee::Function(function)) => return self.inline(task, tree, function),
            None => return nothing(),
        };
        let with = match task.at("with") {
            Some((tree, at)) => Some(self.template(tree, &at)),
            // Without arguments, the worker gets the task's own input.
            None => self.expression(".", tree.mark, pointer).map(Template::Expr),
        };
        self.given_out(task, &name, with, Vec::new())
    }

    /// `call: compensate`.
    fn compensate(&mut self, task: &Fields<'a>, call: &'a Tree, pointer: &str) -> Kind {
        let message = "another runtime needs a function `compensate`".to_owned();
        self.not_portable(call.mark, pointer, message);
        if let Some((with, at)) = task.at("with") {
            self.fields(with, &at, "`with` of `call: compensate`", &[]);
        }
        if let Some((metadata, at)) = task.at("metadata") {
            self.metadata_of_no_call(metadata, &at);
        }
        Kind::Compensate
    }

    /// A call that the language has a protocol for.
    fn protocol(&mut self, task: &Fields<'a>, name: &'a str) -> Kind {
        let Some((tree, at)) = self.required(task, "with", &format!("`call: {name}`")) else {
            return nothing();
        };
        let kind =
            self.built_in(task, name, &at, |c| kintsugi_arguments::call(c, name, task, tree, &at));
        match self.foreach_of(tree, &at) {
            Some((tree, at)) if name == "asyncapi" => self.messages(task, tree, &at, kind),
            _ => kind,
        }
    }

    /// `subscription.foreach` of a call's arguments; what is wrong with them was told.
    fn foreach_of(&self, with: &'a Tree, pointer: &str) -> Option<(&'a Tree, String)> {
        let (mut tree, mut at) = (with, pointer.to_owned());
        for key in ["subscription", "foreach"] {
            let Node::Object(entries) = &tree.node else { return None };
            let fields = Fields { entries, mark: tree.mark, pointer: at };
            (tree, at) = fields.at(key)?;
        }
        Some((tree, at))
    }

    /// A call that takes messages, and what is done with each.
    fn messages(&mut self, task: &Fields<'a>, tree: &'a Tree, pointer: &str, call: Kind) -> Kind {
        let Some(foreach) = self.foreach(tree, pointer) else { return nothing() };
        let name = task.pointer.rsplit('/').next().unwrap_or_default();
        let name = name.replace("~1", "/").replace("~0", "~");
        let reference = self.reference(&task.pointer);
        let node = kintsugi_core::Node::bare(name, reference, call);
        let call = self.add_node(node, task.mark, &task.pointer);
        Kind::Messages(Box::new(Messages { call, foreach }))
    }

    /// A task that the engine's own worker carries out, with the arguments at `pointer`.
    pub(super) fn built_in(
        &mut self,
        task: &Fields<'a>,
        task_type: &str,
        pointer: &str,
        inner: impl FnOnce(&mut Self) -> Option<Template>,
    ) -> Kind {
        self.arguments = Some(Arguments::default());
        let with = self.argument(pointer, "", inner);
        let found = self.arguments.take().map(|arguments| arguments.deferred);
        let mut kind = self.given_out(task, task_type, with, found.unwrap_or_default());
        if let Kind::Call(call) = &mut kind {
            self.listens(task, call);
        }
        kind
    }

    /// A subscription may take as long as it listens, unless the call itself says otherwise.
    fn listens(&self, task: &Fields<'a>, call: &mut Call) {
        let own = task.get("metadata").map(source::Tree::to_value).unwrap_or_default();
        let said = own.pointer("/kintsugi/start_to_close").is_some();
        let subscription = match &call.with {
            Template::Literal(value) => value.get("subscription").cloned(),
            Template::Object(parts) => parts.iter().find_map(|(key, part)| match part {
                Template::Literal(value) if key == "subscription" => Some(value.clone()),
                _ => None,
            }),
            _ => None,
        };
        if let (false, "asyncapi", Some(subscription)) = (said, &*call.task_type, subscription) {
            let listens = subscription.get("for_ms").and_then(serde_json::Value::as_u64);
            call.policy.start_to_close_ms = listens.map_or(LISTEN_MS, |ms| ms + LISTEN_MARGIN_MS);
        }
    }

    /// The call of a task type of workers.
    pub(super) fn given_out(
        &mut self,
        task: &Fields<'a>,
        task_type: &str,
        with: Option<Template>,
        deferred: Vec<Deferred>,
    ) -> Kind {
        // Whether TLS is spoken is looked up where the arguments are compiled.
        let elsewhere: &[&str] =
            if task_type == "grpc" { &["compensate", "tls"] } else { &["compensate"] };
        let known = self.registered(task_type, task.mark, &task.pointer);
        let mut own = self.settings(task.at("metadata"), known.defaults.clone(), elsewhere);
        if self.retrying > 0 && !own.states_retry {
            own.policy.retry = RetryPolicy::none();
        }
        let Some(with) = with else { return nothing() };
        self.must_fit(task, task_type, &with, &known);
        Kind::Call(Box::new(Call {
            task_type: task_type.to_owned(),
            queue: own.queue,
            with,
            deferred,
            input_schema: known.input,
            output_schema: known.output,
            policy: own.policy,
        }))
    }
}
