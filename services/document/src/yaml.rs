//! YAML, from the parser's events, without recursion.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::{Entry, Mark, Node, Tree, scalar};
use crate::{Limits, Problem};

/// A collection that is still open.
enum Open {
    Array { mark: Mark, items: Vec<Tree> },
    Object { mark: Mark, entries: Vec<Entry>, key: Option<(String, Mark)> },
}

struct Reader<'a> {
    limits: &'a Limits,
    open: Vec<Open>,
    nodes: usize,
    root: Option<Tree>,
}

/// Reads one YAML document.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Tree, Problem> {
    let mut reader = Reader { limits, open: Vec::new(), nodes: 0, root: None };
    let mut documents = 0;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|err| syntax(&err))?;
        let mark = mark(span.start);
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                let message = "a second YAML document starts here; one workflow is one document";
                return Err(Problem::new("multiple-documents", mark, message));
            }
        }
        reader.take(event, mark)?;
    }
    reader.root.ok_or_else(|| {
        Problem::new("empty-document", Mark::new(1, 1), "the document is empty")
            .hint("a workflow has `do:` with a list of tasks")
    })
}

fn mark(marker: Marker) -> Mark {
    Mark::new(marker.line(), marker.col() + 1)
}

fn syntax(err: &saphyr_parser::ScanError) -> Problem {
    let mark = mark(*err.marker());
    if err.info() == "recursion limit exceeded" {
        return Problem::new("too-deep", mark, "the document nests too deep");
    }
    Problem::new("syntax", mark, format!("this is not YAML: {}", err.info()))
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, mark: Mark) -> Result<(), Problem> {
        match event {
            Event::Alias(_) => Err(anchors(mark)),
            Event::Scalar(_, _, anchor, _)
            | Event::SequenceStart(anchor, _)
            | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                Err(anchors(mark))
            }
            Event::Scalar(text, style, _, tag) => {
                let node = scalar_node(&text, style, tag.as_deref(), mark)?;
                self.add(Tree { mark, node })
            }
            Event::SequenceStart(_, tag) => {
                no_tag(tag.as_deref(), "seq", mark)?;
                self.enter(Open::Array { mark, items: Vec::new() }, mark)
            }
            Event::MappingStart(_, tag) => {
                no_tag(tag.as_deref(), "map", mark)?;
                self.enter(Open::Object { mark, entries: Vec::new(), key: None }, mark)
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn enter(&mut self, open: Open, mark: Mark) -> Result<(), Problem> {
        if let Some(Open::Object { key: None, .. }) = self.open.last() {
            return Err(Problem::new("key-not-string", mark, "a key must be a string"));
        }
        if self.open.len() >= self.limits.depth_max {
            let message =
                format!("the document nests deeper than {} levels", self.limits.depth_max);
            return Err(Problem::new("too-deep", mark, message));
        }
        self.open.push(open);
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Problem> {
        match self.open.pop() {
            Some(Open::Array { mark, items }) => self.add(Tree { mark, node: Node::Array(items) }),
            Some(Open::Object { mark, entries, .. }) => {
                self.add(Tree { mark, node: Node::object(entries)? })
            }
            None => Ok(()),
        }
    }

    fn add(&mut self, tree: Tree) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes_max {
            let message = format!("the document has more than {} values", self.limits.nodes_max);
            return Err(Problem::new("document-too-large", tree.mark, message));
        }
        match self.open.last_mut() {
            None => self.root = Some(tree),
            Some(Open::Array { items, .. }) => items.push(tree),
            Some(Open::Object { entries, key, .. }) => match key.take() {
                Some((key, mark)) => entries.push(Entry { key, mark, value: tree }),
                None => {
                    self.nodes -= 1;
                    *key = Some((key_text(&tree)?, tree.mark));
                }
            },
        }
        Ok(())
    }
}

fn key_text(tree: &Tree) -> Result<String, Problem> {
    match &tree.node {
        Node::String(text) if text == "<<" => {
            Err(Problem::new("unsupported", tree.mark, "YAML merge keys (`<<`) are not accepted")
                .hint("write the keys out"))
        }
        Node::String(text) => Ok(text.clone()),
        Node::Number(number) => Ok(number.to_string()),
        other => {
            let message = format!("a key must be a string, not {}", other.kind());
            Err(Problem::new("key-not-string", tree.mark, message).hint("put it in quotes"))
        }
    }
}

fn anchors(mark: Mark) -> Problem {
    Problem::new("unsupported", mark, "YAML anchors and aliases are not accepted")
        .hint("write the value out, or use `use.errors`, `use.retries` and `use.timeouts`")
}

fn no_tag(tag: Option<&Tag>, own: &str, mark: Mark) -> Result<(), Problem> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == own) => {
            Err(Problem::new("unsupported", mark, format!("the YAML tag {tag} is not accepted")))
        }
        _ => Ok(()),
    }
}

fn scalar_node(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    mark: Mark,
) -> Result<Node, Problem> {
    if text.contains('\0') {
        return Err(Problem::new("nul-character", mark, "a string has the character U+0000"));
    }
    let is_string = match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => true,
        Some(tag) => {
            let message = format!("the YAML tag {tag} is not accepted");
            return Err(Problem::new("unsupported", mark, message));
        }
        None => !matches!(style, ScalarStyle::Plain),
    };
    if is_string {
        return Ok(Node::String(text.to_owned()));
    }
    scalar::resolve(text).map_err(|(code, message)| Problem::new(code, mark, message))
}
