//! A tree for a terminal. It is made of the program itself, and may be of any size.

use kintsugi_core::{Kind, ListId, Node, NodeId, Program};

use crate::label;

pub(crate) fn draw(program: &Program) -> String {
    let mut out = format!("{}\n", program.definition);
    let text = Text { program };
    text.list(program.list(program.body), "", &mut out);
    out
}

struct Text<'p> {
    program: &'p Program,
}

/// A line with what stands below it.
enum Below<'p> {
    Nothing,
    Tasks(&'p [NodeId]),
    Node(&'p Node),
}

impl<'p> Text<'p> {
    fn list(&self, list: &'p [NodeId], indent: &str, out: &mut String) {
        for (at, id) in list.iter().enumerate() {
            let Some(node) = self.program.node(*id) else { continue };
            let is_last = at + 1 == list.len();
            self.line(&self.task(node, list), Below::Node(node), list, (indent, is_last), out);
        }
    }

    fn line(
        &self,
        text: &str,
        below: Below<'p>,
        list: &'p [NodeId],
        (indent, is_last): (&str, bool),
        out: &mut String,
    ) {
        let (branch, rest) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        out.push_str(&format!("{indent}{branch}{text}\n"));
        let indent = format!("{indent}{rest}");
        match below {
            Below::Nothing => {}
            Below::Tasks(tasks) => self.list(tasks, &indent, out),
            Below::Node(node) => self.within(node, list, &indent, out),
        }
    }

    /// A task in one line.
    fn task(&self, node: &Node, list: &[NodeId]) -> String {
        let (_, does) = label::of(self.program, node);
        let mut text = format!("{}: {does}", label::name(node));
        if let Some(condition) = node.condition {
            text = format!("{text}  ({})", label::condition(self.program, condition));
        }
        match label::flow(self.program, list, node.then) {
            Some(leads) => format!("{text}  → {}", leads.trim_start_matches("then ")),
            None => text,
        }
    }

    /// What is within a task. `list` is the one that the task stands in.
    fn within(&self, node: &'p Node, list: &'p [NodeId], indent: &str, out: &mut String) {
        let tasks = |id: ListId| self.program.list(id);
        match &node.kind {
            Kind::Set(_) | Kind::Raise(_) | Kind::Wait(_) | Kind::Call(_) => {}
            Kind::Emit(_) | Kind::RunWorkflow(_) | Kind::Human(_) | Kind::Compensate => {}
            Kind::Map(map) => self.list(std::slice::from_ref(&map.task), indent, out),
            Kind::Messages(of) => {
                if let Some(body) = of.foreach.body {
                    self.list(tasks(body), indent, out);
                }
            }
            Kind::Extended { task, extensions } => {
                let before = extensions.iter().filter_map(|one| one.before).map(tasks);
                for tasks in before {
                    self.line("before", Below::Tasks(tasks), list, (indent, false), out);
                }
                let after = extensions.iter().rev().filter_map(|one| one.after).map(tasks);
                let after: Vec<_> = after.collect();
                if let Some(core) = self.program.node(*task) {
                    self.line("task", Below::Node(core), list, (indent, after.is_empty()), out);
                }
                for (at, tasks) in after.iter().enumerate() {
                    let place = (indent, at + 1 == after.len());
                    self.line("after", Below::Tasks(tasks), list, place, out);
                }
            }
            Kind::Do(body) | Kind::Function { body, .. } | Kind::For { body, .. } => {
                self.list(tasks(*body), indent, out);
            }
            Kind::Listen(listen) => {
                if let Some(body) = listen.foreach.as_ref().and_then(|each| each.body) {
                    self.list(tasks(body), indent, out);
                }
            }
            Kind::Fork { branches, .. } => self.list(branches, indent, out),
            Kind::Switch(cases) => {
                let labels = label::cases(self.program, node);
                for (at, (case, text)) in cases.iter().zip(labels).enumerate() {
                    let leads = label::flow(self.program, list, case.then);
                    let leads = leads.unwrap_or_else(|| "continue".to_owned());
                    let text = format!("{text} → {}", leads.trim_start_matches("then "));
                    let place = (indent, at + 1 == cases.len());
                    self.line(&text, Below::Nothing, list, place, out);
                }
            }
            Kind::Try { body, catch } => {
                self.line("try", Below::Tasks(tasks(*body)), list, (indent, false), out);
                let mut text = label::catch(self.program, catch);
                if let Some(retry) = &catch.retry {
                    text = format!("{text}, {}", label::retry(retry));
                }
                if let Some(leads) =
                    catch.then.and_then(|flow| label::flow(self.program, list, flow))
                {
                    text = format!("{text}  → {}", leads.trim_start_matches("then "));
                }
                let below = catch.body.map_or(Below::Nothing, |body| Below::Tasks(tasks(body)));
                self.line(&text, below, list, (indent, true), out);
            }
        }
    }
}
