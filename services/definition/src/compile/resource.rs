//! What the document refers to outside itself: looked up, or noted as needed.

use super::Compiler;
use crate::source::{Checks, Mark, Node, Tree, unfit};
use crate::{Need, Problem, Resource, ResourceKind};
use kintsugi_arguments::inside;

impl<'a> Compiler<'a> {
    /// What stands at `uri`; none: it is needed first, or there is a problem with it, which is told.
    pub(super) fn resource(
        &mut self,
        uri: &str,
        kind: ResourceKind,
        mark: Mark,
        pointer: &str,
    ) -> Option<&'a Resource> {
        if let Some(why) = unfit(uri) {
            self.problem(Problem::new("invalid-uri", mark, why).at(pointer));
            return None;
        }
        if let Some(why) = self.resources.failure(uri) {
            let message = format!("`{uri}` cannot be had: {why}");
            self.problem(Problem::new("missing-resource", mark, message).at(pointer));
            return None;
        }
        let is_new = self.resources_used.insert(uri.to_owned());
        if is_new && self.resources_used.len() > self.limits.resources_max {
            let max = self.limits.resources_max;
            let message = format!("the document refers to more than {max} resources");
            self.problem(Problem::new("document-too-large", mark, message).at(pointer));
            return None;
        }
        let found = self.resources.get(uri);
        if found.is_none() && is_new {
            let (mark, pointer) = self.place(mark, pointer);
            self.needs.push(Need::new(uri, kind, mark, &pointer));
        }
        found
    }

    /// The URI of an `externalResource` (`{name, endpoint}`), where it stands, and the pointer there.
    pub(super) fn external_uri(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        what: &str,
    ) -> Option<(String, Mark, String)> {
        let fields = self.fields(tree, pointer, what, &["name", "endpoint"])?;
        if let Some((name, at)) = fields.at("name") {
            self.string(name, &at, "`name`");
        }
        let (endpoint, at) = self.required(&fields, "endpoint", what)?;
        self.fixed_endpoint(endpoint, &at)
    }

    /// An endpoint that is asked when the definition is registered: nothing to be evaluated.
    pub(super) fn fixed_endpoint(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
    ) -> Option<(String, Mark, String)> {
        if !matches!(tree.node, Node::Object(_)) {
            let text = self.string(tree, pointer, "`endpoint`")?;
            return self.fixed(text, tree.mark, pointer);
        }
        let fields = self.fields(tree, pointer, "`endpoint`", &["uri", "authentication"])?;
        if let Some(entry) = fields.entry("authentication") {
            let hint = "serve it where no authentication is needed, or write it into the document";
            let what = "`authentication` of what is fetched when the definition is registered";
            self.unsupported(entry.mark, &fields.path("authentication"), what, hint);
        }
        let (uri, at) = self.required(&fields, "uri", "`endpoint`")?;
        let text = self.string(uri, &at, "`uri`")?;
        self.fixed(text, uri.mark, &at)
    }

    fn fixed(&mut self, text: &str, mark: Mark, pointer: &str) -> Option<(String, Mark, String)> {
        if inside(text).is_some() {
            let what = "an expression as the URI of what is fetched at registration";
            self.unsupported(mark, pointer, what, "write the URI out");
            return None;
        }
        Some((text.to_owned(), mark, pointer.to_owned()))
    }
}
