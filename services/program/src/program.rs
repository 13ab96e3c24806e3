//! The engine's own form of a definition: small steps with resolved references.
//!
//! A compiler makes it (`services/definition`); the machine runs it and never sees a document. All

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Catch, DefinitionRef, ErrorTemplate, EventTemplate, ForEach, Listen, TaskPolicy};

/// Index into [`Program::expressions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expr(pub u32);

/// Index into [`Program::schemas`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema(pub u32);

/// Index into [`Program::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub u32);

/// Index into [`Program::lists`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListId(pub u32);

/// A compiled definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Whose program it is.
    pub definition: DefinitionRef,
    /// The document as JSON, for `$workflow.definition`.
    pub document: Value,
    /// Source of each expression, without `${ }`.
    pub expressions: Vec<String>,
    /// Each JSON Schema document.
    pub schemas: Vec<Value>,
    /// Schemas outside the document that those refer to, by URI.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schema_library: BTreeMap<String, Value>,
    /// Every task.
    pub nodes: Vec<Node>,
    /// Every task list.
    pub lists: Vec<List>,
    /// What the run executes.
    pub body: ListId,
    /// References at which the task of a function begins, with the function's place in
    /// `inlined_definitions`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inlined: BTreeMap<String, u32>,
    /// The tasks of functions, as they were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inlined_definitions: Vec<Value>,
    /// Checked against the run's raw input.
    pub input_schema: Option<Schema>,
    /// Transforms the run's input.
    pub input_from: Option<Template>,
    /// Transforms the run's output.
    pub output_as: Option<Template>,
    /// Checked against the run's output.
    pub output_schema: Option<Schema>,
    /// The longest that a run may take.
    pub timeout: Option<Span>,
    /// What it does when it is asked to end; none: it ends at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_cancel: Option<OnCancel>,
}

/// `document.metadata.kintsugi.on_cancel`: how a run tidies up that is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnCancel {
    /// What it does.
    pub body: ListId,
    /// How long attempts that are out may still bring their results before, in milliseconds.
    pub grace_ms: u64,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u64,
}

/// Tasks that run one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct List(pub Vec<NodeId>);

/// A JSON value with expressions in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Has no expression in it.
    Literal(Value),
    /// Is one expression.
    Expr(Expr),
    /// An array with an expression somewhere inside.
    Array(Vec<Template>),
    /// An object with an expression somewhere inside, in the document's order.
    Object(Vec<(String, Template)>),
    /// A text that is an expression where it has a value, and else itself: `evaluate.mode: loose`.
    Loose(Expr, String),
    /// RFC 6570 level 1 URI template: literal parts and top-level property names in turn. An
    /// absent property is the empty string; one that is not a scalar is an expression error.
    Uri(Vec<(String, Option<String>)>),
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Known when compiled.
    Millis(u64),
    /// Evaluates to an ISO 8601 duration, or to an object as in the DSL.
    Expr(Expr),
}

/// One task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its name in the list.
    pub name: String,
    /// Its reference: a JSON pointer into the document, e.g. `/do/0/charge`; of a task within a
    /// function, the call's, `/call`, and the pointer into the function.
    pub pointer: String,
    /// `if`: when it evaluates to false or null the task is skipped.
    pub condition: Option<Expr>,
    /// `input.schema`.
    pub input_schema: Option<Schema>,
    /// `input.from`.
    pub input_from: Option<Template>,
    /// `output.as`.
    pub output_as: Option<Template>,
    /// `output.schema`.
    pub output_schema: Option<Schema>,
    /// `export`.
    pub export: Option<Export>,
    /// `timeout`.
    pub timeout: Option<Span>,
    /// Where to go after it.
    pub then: Flow,
    /// What undoes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Box<Undo>>,
    /// What it does.
    pub kind: Kind,
}

/// `metadata.kintsugi.compensate`: what undoes a task that has completed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// What it gets, evaluated when the task has completed; none: the task's output.
    pub with: Option<Template>,
    /// The task that does it, alone.
    pub task: NodeId,
}

/// What becomes `$context` after a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// `export.as`; none: the task's output.
    pub as_: Option<Template>,
    /// `export.schema`.
    pub schema: Option<Schema>,
}

/// Where to go after a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// To the next task of the list.
    Continue,
    /// Out of the list.
    Exit,
    /// To the end of the run.
    End,
    /// To a task of the same list.
    Goto(Jump),
}

/// Position in the list that the task stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jump(pub u32);

/// What a task does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Runs a list.
    Do(ListId),
    /// Gives a value.
    Set(Template),
    /// Takes the first case that holds; none: goes on as [`Node::then`] says.
    Switch(Vec<Case>),
    /// Runs tasks side by side.
    Fork {
        /// Each a branch.
        branches: Vec<NodeId>,
        /// The first to succeed wins, and the others are cancelled.
        compete: bool,
    },
    /// Runs a list for each item, one after the other.
    For {
        /// Name of the item's variable, without `$`.
        each: String,
        /// Name of the index's variable, without `$`.
        at: String,
        /// The items.
        items: Template,
        /// Goes on while it holds; asked before each iteration.
        condition: Option<Expr>,
        /// What is run.
        body: ListId,
    },
    /// Runs a list and handles its errors.
    Try {
        /// What is tried.
        body: ListId,
        /// How errors are handled.
        catch: Box<Catch>,
    },
    /// Raises an error.
    Raise(Box<ErrorTemplate>),
    /// Waits.
    Wait(Span),
    /// Has a worker do something.
    Call(Box<Call>),
    /// Runs the task of a function.
    Function {
        /// Its input; none: that of the call.
        with: Option<Template>,
        /// The task, alone.
        body: ListId,
    },
    /// Runs a task between those of extensions.
    Extended {
        /// The task: what it does, its reference and its time limit; input, output, `if` and
        /// `then` are those of the node around it.
        task: NodeId,
        /// What is around it, the outermost first.
        extensions: Vec<Extension>,
    },
    /// Runs a task for each item, several side by side.
    Map(Box<Map>),
    /// Undoes what was completed, the last first.
    Compensate,
    /// Asks a person.
    Human(Box<crate::Human>),
    /// Has a worker take messages, then does something with each.
    Messages(Box<Messages>),
    /// Publishes an event.
    Emit(Box<EventTemplate>),
    /// Waits for events.
    Listen(Box<Listen>),
    /// Runs another workflow.
    RunWorkflow(Box<crate::RunWorkflow>),
}

/// `call: map`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Map {
    /// The items.
    pub items: Template,
    /// Name of the item's variable in `with`, without `$`.
    pub each: String,
    /// Name of the index's variable in `with`, without `$`.
    pub at: String,
    /// What the task gets; none: the item.
    pub with: Option<Template>,
    /// The task of each item, alone.
    pub task: NodeId,
    /// Items that are open at a time; at least 1.
    pub bound: u32,
    /// An item that fails is part of the result; else it ends the others.
    pub collect: bool,
}

/// `call: asyncapi` with `subscription.foreach`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Messages {
    /// The call that takes them: its output is an array.
    pub call: NodeId,
    /// What is done with each, one after the other.
    pub foreach: ForEach,
}

/// An extension of `use.extensions`, as it is around one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Only when it holds; asked before `before`.
    pub when: Option<Expr>,
    /// Runs before the task, and in its place when it exits.
    pub before: Option<ListId>,
    /// Runs after the task, on its raw output.
    pub after: Option<ListId>,
}

/// One case of a switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// None: always.
    pub when: Option<Expr>,
    /// Where to go.
    pub then: Flow,
}

/// A task that a worker executes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The task type: `[a-z0-9_-]{1,64}`.
    pub task_type: String,
    /// The queue: `[a-z0-9_-]{1,64}`.
    pub queue: String,
    /// Its input, evaluated on the task's transformed input.
    pub with: Template,
    /// What of its input only the worker can evaluate. With any, the input is an object, and gets
    /// them as its key `deferred`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<Deferred>,
    /// What its input must look like, by the registry of task types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Schema>,
    /// What its output must look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Schema>,
    /// Retries, limits and what happens in the end.
    pub policy: TaskPolicy,
}

/// An expression that the worker evaluates: it names what the engine must not know (a secret), or
/// what there is only while the task runs (a message). It travels beside the input and not in it,
/// so that no data can pass for one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deferred {
    /// Where its value belongs: a JSON pointer into the input.
    pub at: String,
    /// Its source, without `${ }`.
    pub expression: String,
    /// Whether it is applied to the task's transformed input, which then travels with it.
    pub input: bool,
    /// Names of the variables that it needs, without `$`; their values travel with it.
    pub variables: Vec<String>,
    /// Names of the secrets that it reads.
    pub secrets: Vec<String>,
}

impl Program {
    /// The node of `id`.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// What was written at a reference.
    #[must_use]
    pub fn definition_at(&self, reference: &str) -> Option<&Value> {
        let mut end = reference.len();
        loop {
            let found = self.inlined.get(&reference[..end]);
            if let Some(function) =
                found.and_then(|index| self.inlined_definitions.get(*index as usize))
            {
                return function.pointer(&reference[end..]);
            }
            match reference[..end].rfind('/') {
                Some(slash) if !self.inlined.is_empty() => end = slash,
                _ => return self.document.pointer(reference),
            }
        }
    }

    /// The tasks of a list.
    #[must_use]
    pub fn list(&self, id: ListId) -> &[NodeId] {
        self.lists.get(id.0 as usize).map_or(&[], |list| list.0.as_slice())
    }
}
