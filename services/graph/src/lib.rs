//! A workflow as a graph: made once from a compiled program, and written in whichever form is wanted.
//!
//! Pure: no IO, no clock. Every name and text in a drawing comes from a document that somebody wrote,
//! so each form escapes all of them, and none shows values: what a task is given, headers and bodies
//! are left out, and so are the user and the query of an address.

mod around;
mod build;
mod dot;
mod label;
mod mermaid;
mod short;
mod svg;
mod text;
mod write;

use kintsugi_core::Program;
use serde::Serialize;

pub use svg::STYLE;

/// The most ways that a graph may have.
pub const WAYS_MAX: usize = 50_000;

/// The most nodes that are drawn as SVG.
pub const SVG_NODES_MAX: usize = 2_000;

/// The most ways that are drawn as SVG.
pub const SVG_WAYS_MAX: usize = 6_000;

/// Why there is no drawing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It would be larger than anyone can look at.
    #[error("the graph has more than {max} {what}")]
    TooLarge {
        /// What there is too much of: `nodes` or `ways`.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
}

impl Error {
    /// What kind of error; stable, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "graph_too_large",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge { max, .. } if *max == WAYS_MAX => {
                "ask for `text`, which has no such limit, or give parts of the workflow a \
                 definition of their own (`run: workflow`)"
            }
            Self::TooLarge { .. } => {
                "ask for `mermaid`, `dot` or `json`, which may be larger, for `text`, which has \
                 no such limit, or give parts of the workflow a definition of their own \
                 (`run: workflow`)"
            }
        }
    }
}

/// A form of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An indented tree, for a terminal.
    Text,
    /// A flowchart of Mermaid.
    Mermaid,
    /// A graph of Graphviz.
    Dot,
    /// A picture that needs nothing besides itself.
    Svg,
    /// [`Graph`] as it is.
    Json,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 5] = [Self::Text, Self::Mermaid, Self::Dot, Self::Svg, Self::Json];

    /// Its name where it is asked for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Mermaid => "mermaid",
            Self::Dot => "dot",
            Self::Svg => "svg",
            Self::Json => "json",
        }
    }

    /// The form of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }
}

/// Draws `program` in `form`.
///
/// # Errors
///
/// When the graph is too large for the form. Text is never too large.
pub fn draw(program: &Program, form: Form) -> Result<String, Error> {
    match form {
        Form::Text => Ok(text::draw(program)),
        Form::Mermaid => Ok(mermaid::draw(&build::graph(program)?)),
        Form::Dot => Ok(dot::draw(&build::graph(program)?)),
        Form::Svg => svg::draw(&build::graph(program)?),
        Form::Json => {
            let graph = build::graph(program)?;
            let text = serde_json::to_string_pretty(&graph);
            Ok(text.expect("texts, numbers and lists are JSON") + "\n")
        }
    }
}

/// The graph of `program`.
///
/// # Errors
///
/// When it has more than [`WAYS_MAX`] ways.
pub fn graph(program: &Program) -> Result<Graph, Error> {
    build::graph(program)
}

/// A workflow as nodes, the ways between them, and groups of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// `namespace/name:version`.
    pub definition: String,
    /// Each at the position that is its id, in the document's order.
    pub nodes: Vec<Node>,
    /// In no order that means anything.
    pub ways: Vec<Way>,
    /// Each at the position that is its id; one stands after the one that it lies in.
    pub groups: Vec<Group>,
    /// The same as blocks within each other, as the picture needs them.
    #[serde(skip)]
    blocks: Vec<Block>,
}

/// A place where a run may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its position in [`Graph::nodes`].
    pub id: usize,
    /// What stands there.
    pub role: Role,
    /// The task's name; of what is no task, what it is.
    pub name: String,
    /// What it does, in one short line without values.
    pub label: String,
    /// The task's reference: a JSON pointer as in errors and histories. Each task has one node with
    /// it; a catch has that of its `catch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The group that it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<usize>,
}

/// What a node or a group stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Where every run begins.
    Start,
    /// Where every run ends.
    End,
    /// The condition of a task.
    If,
    /// `do`.
    Do,
    /// `set`.
    Set,
    /// `switch`.
    Switch,
    /// `fork`.
    Fork,
    /// Where the branches of a `fork` come together.
    Join,
    /// `for`.
    For,
    /// `try`.
    Try,
    /// The `catch` of a `try`.
    Catch,
    /// `raise`.
    Raise,
    /// `wait`.
    Wait,
    /// `call` of a worker or a service.
    Call,
    /// `call` of a function.
    Function,
    /// `emit`.
    Emit,
    /// `listen`.
    Listen,
    /// `run`.
    Run,
    /// `call: map`.
    Map,
    /// `call: compensate`.
    Compensate,
    /// `call: human-task`.
    Human,
    /// A task with extensions around it.
    Extended,
}

impl Role {
    /// Its name in JSON and in class names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::If => "if",
            Self::Do => "do",
            Self::Set => "set",
            Self::Switch => "switch",
            Self::Fork => "fork",
            Self::Join => "join",
            Self::For => "for",
            Self::Try => "try",
            Self::Catch => "catch",
            Self::Raise => "raise",
            Self::Wait => "wait",
            Self::Call => "call",
            Self::Function => "function",
            Self::Emit => "emit",
            Self::Listen => "listen",
            Self::Run => "run",
            Self::Map => "map",
            Self::Compensate => "compensate",
            Self::Human => "human",
            Self::Extended => "extended",
        }
    }
}

/// A way from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Way {
    /// Id of the node that it leaves.
    pub from: usize,
    /// Id of the node that it leads to.
    pub to: usize,
    /// Why it is taken.
    pub kind: WayKind,
    /// Its condition, or where it says that it leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Of a case, its position: the picture's rows are in this order.
    #[serde(skip)]
    rank: usize,
}

/// Why a way is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WayKind {
    /// One task after the other.
    Next,
    /// A `then` says so.
    Then,
    /// A case of a `switch`.
    Case,
    /// The condition of a task does not hold.
    Skip,
    /// Into a branch of a `fork`.
    Branch,
    /// Out of a branch of a `fork`.
    Join,
    /// An error.
    Error,
    /// A `try` begins again.
    Retry,
    /// A loop begins its next round.
    Loop,
    /// A loop is over.
    Leave,
}

impl WayKind {
    /// Its name in JSON and in class names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Then => "then",
            Self::Case => "case",
            Self::Skip => "skip",
            Self::Branch => "branch",
            Self::Join => "join",
            Self::Error => "error",
            Self::Retry => "retry",
            Self::Loop => "loop",
            Self::Leave => "leave",
        }
    }
}

/// A task that has others within it, with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its position in [`Graph::groups`].
    pub id: usize,
    /// What it is a group of.
    pub role: Role,
    /// The task's name.
    pub name: String,
    /// The task's reference; of a catch that of its `catch`.
    pub reference: String,
    /// The group that it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<usize>,
}

/// A node, or a group with what lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Node(usize),
    Group {
        group: usize,
        /// The node at its top.
        head: usize,
        /// What lies side by side below it, each one below the other.
        columns: Vec<Vec<Block>>,
        /// The node at its bottom.
        tail: Option<usize>,
    },
}
