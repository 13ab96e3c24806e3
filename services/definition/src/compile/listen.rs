//! `listen`: strategies, filters, correlation, and what is done with each event.

use std::collections::BTreeMap;

use kintsugi_arguments::inside;
use kintsugi_core::{
    Correlation, EventFilter, ForEach, Kind, Listen, Matcher, Read, Strategy, Template, Until,
};
use serde_json::Value;

use super::{Compiler, nothing};
use crate::Problem;
use crate::names::is_identifier;
use crate::source::{Checks, Entry, Fields, Node, Tree, escape};

/// Attributes that are texts in every event.
const TEXTS: [&str; 7] =
    ["id", "source", "type", "time", "subject", "datacontenttype", "dataschema"];

/// What each name of a correlation expects, so that no two filters of a listen contradict.
pub(super) type Expected = BTreeMap<String, Option<Template>>;

impl<'a> Compiler<'a> {
    pub(super) fn listen(&mut self, task: &Fields<'a>, tree: &'a Tree, pointer: &str) -> Kind {
        let foreach = task.at("foreach").and_then(|(tree, at)| self.foreach(tree, &at));
        let fields = self.fields(tree, pointer, "`listen`", &["to", "read"]);
        let Some(fields) = fields else { return nothing() };
        let read = fields.at("read").map_or(Some(Read::Data), |(tree, at)| self.read(tree, &at));
        let to = self.required(&fields, "to", "`listen`");
        let to = to.and_then(|(tree, at)| self.strategy(tree, &at, &mut Expected::new(), true));
        match (to, read) {
            (Some(to), Some(read)) => Kind::Listen(Box::new(Listen { to, read, foreach })),
            _ => nothing(),
        }
    }

    pub(super) fn read(&mut self, tree: &'a Tree, pointer: &str) -> Option<Read> {
        match tree.as_str() {
            Some("data") => Some(Read::Data),
            Some("envelope") => Some(Read::Envelope),
            Some("raw") => Some(Read::Raw),
            _ => {
                let message = "`read` is `data`, `envelope` or `raw`";
                self.problem(Problem::new("invalid-value", tree.mark, message).at(pointer));
                None
            }
        }
    }

    /// `all`, `any` or `one`; `any` may have an `until`, unless it stands in one.
    pub(super) fn strategy(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        expected: &mut Expected,
        outer: bool,
    ) -> Option<Strategy> {
        const KINDS: [&str; 3] = ["all", "any", "one"];
        let known: &[&str] = if outer { &["all", "any", "one", "until"] } else { &KINDS };
        let fields = self.fields(tree, pointer, "a strategy for events", known)?;
        let kinds: Vec<&str> =
            KINDS.into_iter().filter(|kind| fields.entry(kind).is_some()).collect();
        let [kind] = kinds[..] else {
            let message = "a strategy for events has one of all, any and one";
            self.problem(Problem::new("type", fields.mark, message).at(pointer));
            return None;
        };
        let until = fields.at("until");
        if let Some((tree, at)) = &until
            && kind != "any"
        {
            let message = format!("`until` goes with `any`, not with `{kind}`");
            self.problem(Problem::new("unknown-key", tree.mark, message).at(at));
        }
        let (tree, at) = fields.at(kind)?;
        match kind {
            "one" => self.filter(tree, &at, expected).map(Strategy::One),
            "all" => {
                let filters = self.filters(tree, &at, expected)?;
                if filters.is_empty() {
                    let message = "`all` needs at least one filter";
                    let problem = Problem::new("empty-list", tree.mark, message).at(at);
                    self.problem(problem.hint("`any: []` takes any event"));
                }
                Some(Strategy::All(filters))
            }
            _ => {
                let filters = self.filters(tree, &at, expected)?;
                let until = match until {
                    Some((tree, at)) => Some(self.until(tree, &at, expected)?),
                    None => None,
                };
                Some(Strategy::Any { filters, until })
            }
        }
    }

    fn until(&mut self, tree: &'a Tree, pointer: &str, expected: &mut Expected) -> Option<Until> {
        match &tree.node {
            Node::String(text) => {
                let expr = self.condition(tree, pointer, "`until`")?;
                let never = inside(text).unwrap_or(text).trim() == "false";
                Some(if never { Until::Never } else { Until::Holds(expr) })
            }
            Node::Object(_) => {
                let strategy = self.strategy(tree, pointer, expected, false)?;
                Some(Until::Heard(Box::new(strategy)))
            }
            _ => {
                self.wrong_type(tree, pointer, "`until`", "an expression or a strategy for events");
                None
            }
        }
    }

    fn filters(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        expected: &mut Expected,
    ) -> Option<Vec<EventFilter>> {
        let Node::Array(items) = &tree.node else {
            self.wrong_type(tree, pointer, "the filters", "an array of `{with, correlate}`");
            return None;
        };
        let filters = items.iter().enumerate();
        let filters: Vec<_> = filters
            .map(|(index, item)| self.filter(item, &format!("{pointer}/{index}"), expected))
            .collect();
        filters.into_iter().collect()
    }

    fn filter(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        expected: &mut Expected,
    ) -> Option<EventFilter> {
        let fields = self.fields(tree, pointer, "an event filter", &["with", "correlate"])?;
        let correlate = fields.at("correlate");
        let correlate = correlate.map(|(tree, at)| self.correlate(tree, &at, expected));
        let (with, at) = self.required(&fields, "with", "an event filter")?;
        let own = self.object(with, &at, "`with`")?;
        if own.entries.is_empty() {
            let message = "`with` needs at least one attribute";
            let problem = Problem::new("missing-key", with.mark, message).at(&at);
            self.problem(problem.hint("to take any event, write `any: []`"));
        }
        let mut matchers = Vec::with_capacity(own.entries.len());
        for entry in own.entries {
            let at = own.path(&entry.key);
            let matcher = match entry.key.as_str() {
                "data" => self.matcher(&entry.value, &at),
                _ => self.matched_attribute(entry, &own),
            };
            matchers.push((entry.key.clone(), matcher));
        }
        Some(EventFilter { with: matchers, correlate: correlate.unwrap_or_default() })
    }

    fn matched_attribute(&mut self, entry: &'a Entry, with: &Fields<'a>) -> Matcher {
        let (tree, at) = (&entry.value, with.path(&entry.key));
        if !self.is_attribute(entry, with) {
            return Matcher::Equal(Value::Null);
        }
        match &tree.node {
            Node::Array(_) | Node::Object(_) | Node::Null => {
                let wanted = "a text, a number, a boolean or an expression";
                self.wrong_type(tree, &at, &format!("`{}`", entry.key), wanted);
                Matcher::Equal(Value::Null)
            }
            Node::Bool(_) | Node::Number(_) if TEXTS.contains(&entry.key.as_str()) => {
                let what = format!("`{}`", entry.key);
                self.wrong_type(tree, &at, &what, "a text or an expression");
                Matcher::Equal(Value::Null)
            }
            Node::String(text)
                if ["source", "dataschema"].contains(&entry.key.as_str())
                    && inside(text).is_none()
                    && regex(text).is_none()
                    && text.contains('{') =>
            {
                if self.before_runs {
                    let message = "there is no run yet whose input could fill `{…}`";
                    self.problem(Problem::new("invalid-uri", tree.mark, message).at(&at));
                }
                let template =
                    kintsugi_arguments::uri(self, tree, &at, &format!("`{}`", entry.key));
                template.map_or(Matcher::Equal(Value::Null), Matcher::Uri)
            }
            _ => self.matcher(tree, &at),
        }
    }

    /// What a value must be: constants, regular expressions, expressions, at any depth.
    fn matcher(&mut self, tree: &'a Tree, pointer: &str) -> Matcher {
        match &tree.node {
            Node::String(text) => match (inside(text), regex(text)) {
                (Some(code), _) => {
                    let expr = self.expression(code, tree.mark, pointer);
                    expr.map_or(Matcher::Equal(Value::Null), Matcher::Expr)
                }
                (None, Some(regex)) => self.regular(tree, pointer, regex),
                (None, None) => {
                    // For its warnings.
                    self.template(tree, pointer);
                    Matcher::Equal(tree.to_value())
                }
            },
            Node::Object(entries) => {
                let mut fields = Vec::with_capacity(entries.len());
                for entry in entries {
                    let at = format!("{pointer}/{}", escape(&entry.key));
                    fields.push((entry.key.clone(), self.matcher(&entry.value, &at)));
                }
                Matcher::Object(fields)
            }
            Node::Array(items) => {
                let mut matchers = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    matchers.push(self.matcher(item, &format!("{pointer}/{index}")));
                }
                Matcher::Array(matchers)
            }
            _ => Matcher::Equal(tree.to_value()),
        }
    }

    /// A regular expression, made the jq that tests for it.
    fn regular(&mut self, tree: &'a Tree, pointer: &str, regex: &str) -> Matcher {
        let code = format!("test({})", Value::String(regex.to_owned()));
        let tried = self.toolbox.compile(&code).map(|filter| {
            filter.run(&Value::String(String::new()), &[], &kintsugi_jq::Limits::default())
        });
        if let Ok(Err(why)) = tried {
            let message = format!("`{regex}` is no regular expression that can be used: {why}");
            self.problem(Problem::new("invalid-regex", tree.mark, message).at(pointer));
            return Matcher::Equal(Value::Null);
        }
        let expr = self.expression(&code, tree.mark, pointer);
        expr.map_or(Matcher::Equal(Value::Null), Matcher::Expr)
    }

    fn correlate(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        expected: &mut Expected,
    ) -> Vec<Correlation> {
        let Some(fields) = self.object(tree, pointer, "`correlate`") else { return Vec::new() };
        let mut all = Vec::with_capacity(fields.entries.len());
        for entry in fields.entries {
            let at = fields.path(&entry.key);
            if !is_identifier(&entry.key) {
                let message = "a correlation is named with letters, digits and `_`";
                self.problem(Problem::new("invalid-name", entry.mark, message).at(&at));
            }
            let what = format!("the correlation `{}`", entry.key);
            let Some(own) = self.fields(&entry.value, &at, &what, &["from", "expect"]) else {
                continue;
            };
            let from = self.required(&own, "from", &what);
            let from = from.and_then(|(tree, at)| self.condition(tree, &at, "`from`"));
            let expect = own.at("expect").and_then(|(tree, at)| {
                self.string(tree, &at, "`expect`")?;
                let template = self.template(tree, &at);
                if self.before_runs && !matches!(template, Template::Literal(_)) {
                    let message = "`expect` in `schedule.on` must be a constant";
                    let problem = Problem::new("type", tree.mark, message).at(&at);
                    self.problem(problem.hint("it is compared before there is a run"));
                }
                Some((template, tree.mark, at))
            });
            if let Some((template, mark, at)) = &expect
                && let Some(Some(other)) =
                    expected.insert(entry.key.clone(), Some(template.clone()))
                && other != *template
            {
                let message = format!("{what} expects two things in one `listen`");
                let problem = Problem::new("contradiction", *mark, message).at(at);
                self.problem(problem.hint("filters that use one name mean one value"));
            }
            let expect = expect.map(|(template, ..)| template);
            let name = entry.key.clone();
            all.extend(from.map(|from| Correlation { name, from, expect }));
        }
        all
    }

    /// What is done with each event or message.
    pub(super) fn foreach(&mut self, tree: &'a Tree, pointer: &str) -> Option<ForEach> {
        let known = ["item", "at", "do", "output", "export"];
        let fields = self.fields(tree, pointer, "`foreach`", &known)?;
        let item = self.variable(&fields, "item", "item");
        let at = self.variable(&fields, "at", "index");
        if item == at {
            let message = format!("`item` and `at` are both `{item}`");
            self.problem(Problem::new("invalid-variable", fields.mark, message).at(pointer));
        }
        Some(self.scoped(&[item, at], |c| {
            let body = fields.at("do").map(|(tree, at)| c.list(tree, &at, "`do`"));
            let (output_schema, output_as) = c.output(&fields);
            let export = fields.at("export").and_then(|(tree, at)| c.export(tree, &at));
            let (item, at) = (item.to_owned(), at.to_owned());
            ForEach { item, at, body, output_as, output_schema, export }
        }))
    }
}

/// A text that is meant as a regular expression: anchored at both ends, since a type with dots in it
/// must not be taken for one.
fn regex(text: &str) -> Option<&str> {
    (text.len() > 2 && text.starts_with('^') && text.ends_with('$')).then_some(text)
}
