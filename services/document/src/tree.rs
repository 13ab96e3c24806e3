//! The tree.

use serde_json::{Number, Value};

use crate::Problem;

/// A position in a source text; both from 1, and 0 where there is no source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Mark {
    /// A position, cut to what fits.
    #[must_use]
    pub fn new(line: usize, column: usize) -> Self {
        let of = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { line: of(line), column: of(column) }
    }
}

/// A value and where it starts.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Where it starts.
    pub mark: Mark,
    /// What it is.
    pub node: Node,
}

/// A value.
#[derive(Clone, Debug)]
pub enum Node {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Tree>),
    /// Sorted by key, so that a program does not depend on the order in the source.
    Object(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key starts.
    pub mark: Mark,
    /// The value.
    pub value: Tree,
}

impl Node {
    /// For messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// An object of `entries`.
    ///
    /// # Errors
    ///
    /// When two keys are equal: the second is the problem.
    pub fn object(mut entries: Vec<Entry>) -> Result<Self, Problem> {
        entries.sort_by(|a, b| a.key.cmp(&b.key).then(a.mark.cmp(&b.mark)));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].key == pair[1].key) {
            let (first, second) = (&pair[0], &pair[1]);
            let message = format!("the key `{}` stands here a second time", second.key);
            return Err(Problem::new("duplicate-key", second.mark, message)
                .hint(format!("the first one is in line {}", first.mark.line)));
        }
        Ok(Self::Object(entries))
    }
}

impl Tree {
    /// The value as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.node {
            Node::Null => Value::Null,
            Node::Bool(bool) => Value::Bool(*bool),
            Node::Number(number) => Value::Number(number.clone()),
            Node::String(text) => Value::String(text.clone()),
            Node::Array(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Node::Object(entries) => {
                entries.iter().map(|e| (e.key.clone(), e.value.to_value())).collect()
            }
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.node {
            Node::String(text) => Some(text),
            _ => None,
        }
    }
}

/// A JSON value as a tree at the position of its parent.
pub(crate) fn from_value(value: &Value, depth_left: usize) -> Result<Tree, Problem> {
    let mark = Mark::default();
    if depth_left == 0 {
        return Err(Problem::new("too-deep", mark, "the document nests too deep"));
    }
    let node = match value {
        Value::Null => Node::Null,
        Value::Bool(bool) => Node::Bool(*bool),
        Value::Number(number) => Node::Number(number.clone()),
        Value::String(text) => Node::String(text.clone()),
        Value::Array(items) => Node::Array(
            items.iter().map(|item| from_value(item, depth_left - 1)).collect::<Result<_, _>>()?,
        ),
        Value::Object(map) => {
            let entry = |(key, item): (&String, &Value)| {
                let value = from_value(item, depth_left - 1)?;
                Ok(Entry { key: key.clone(), mark, value })
            };
            Node::object(map.iter().map(entry).collect::<Result<_, Problem>>()?)?
        }
    };
    Ok(Tree { mark, node })
}

/// A name as a segment of a JSON pointer (RFC 6901).
#[must_use]
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
