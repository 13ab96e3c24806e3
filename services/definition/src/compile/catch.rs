//! `try` and `catch`.

use kintsugi_core::{Catch, ErrorFilter, Kind, TryRetry};

use super::task::Targets;
use super::{Compiler, nothing};
use crate::Problem;
use crate::source::{Checks, Fields, Tree};

impl<'a> Compiler<'a> {
    pub(super) fn try_catch(
        &mut self,
        task: &Fields<'a>,
        tree: &'a Tree,
        pointer: &str,
        targets: &Targets<'a>,
    ) -> Kind {
        let catch = self.required(task, "catch", "`try`");
        let known = ["errors", "as", "when", "exceptWhen", "retry", "do", "then"];
        let fields = catch.and_then(|(tree, at)| self.fields(tree, &at, "`catch`", &known));
        let retries = u32::from(fields.as_ref().is_some_and(|f| f.entry("retry").is_some()));
        self.retrying += retries;
        let body = self.list(tree, pointer, "`try`");
        self.retrying -= retries;
        let Some(fields) = fields else { return nothing() };
        let errors = fields.at("errors").map(|(tree, at)| self.errors_filter(tree, &at));
        let as_ = self.variable(&fields, "as", "error");
        let catch = self.scoped(&[as_], |c| Catch {
            errors: errors.unwrap_or_default(),
            as_: as_.to_owned(),
            when: fields.at("when").and_then(|(tree, at)| c.condition(tree, &at, "`when`")),
            except_when: fields
                .at("exceptWhen")
                .and_then(|(tree, at)| c.condition(tree, &at, "`exceptWhen`")),
            retry: fields.at("retry").and_then(|(tree, at)| c.try_retry(tree, &at)),
            body: fields.at("do").map(|(tree, at)| c.list(tree, &at, "`catch.do`")),
            then: fields.at("then").and_then(|(tree, at)| c.flow(tree, &at, targets)),
        });
        Kind::Try { body, catch: Box::new(catch) }
    }

    fn errors_filter(&mut self, tree: &'a Tree, pointer: &str) -> ErrorFilter {
        let fields = self.fields(tree, pointer, "`errors`", &["with"]);
        let Some((with, at)) = fields.as_ref().and_then(|fields| fields.at("with")) else {
            return ErrorFilter::default();
        };
        let known = ["type", "status", "instance", "title", "detail"];
        let Some(fields) = self.fields(with, &at, "`errors.with`", &known) else {
            return ErrorFilter::default();
        };
        if fields.entries.is_empty() {
            let message = "`errors.with` needs at least one key";
            let problem = Problem::new("missing-key", with.mark, message).at(&at);
            self.problem(problem.hint("to catch all errors, leave `errors` out"));
        }
        let mut text = |key: &str| {
            let (tree, at) = fields.at(key)?;
            let text = self.string(tree, &at, &format!("`{key}`"))?;
            if kintsugi_arguments::inside(text).is_some() {
                let message = format!("`{key}` is compared as it is, not evaluated");
                let problem = Problem::new("type", tree.mark, message).at(at);
                self.problem(problem.hint("use `catch.when` to compare with an expression"));
            }
            Some(text.to_owned())
        };
        let (kind, instance) = (text("type"), text("instance"));
        let (title, detail) = (text("title"), text("detail"));
        let status = fields
            .at("status")
            .and_then(|(tree, at)| self.integer(tree, &at, "`status`", (0, 65_535)))
            .and_then(|status| u16::try_from(status).ok());
        ErrorFilter { kind, status, instance, title, detail }
    }

    /// A retry policy, or the name of one in `use.retries`.
    fn try_retry(&mut self, tree: &'a Tree, pointer: &str) -> Option<TryRetry> {
        let (tree, pointer) = self.resolve("retries", tree, pointer)?;
        self.retry(tree, &pointer)
    }
}
