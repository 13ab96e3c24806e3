//! Handlers of errors that have nothing to handle, and retries that change nothing.

use kintsugi_core::{Catch, Error, ErrorKind, Kind, ListId, Node, Template};

use crate::{Lint, Place};

impl Lint<'_> {
    /// Looks for calls of `compensate` in a program without anything to undo.
    pub(crate) fn compensation(&mut self) {
        if self.program.nodes.iter().any(|node| node.undo.is_some()) {
            return;
        }
        for (node, place) in self.program.nodes.iter().zip(self.places) {
            if matches!(node.kind, Kind::Compensate) {
                let message = format!("the task `{}` undoes nothing", node.name);
                let hint = "no task says what undoes it: `metadata: {kintsugi: {compensate: …}}`";
                self.warn("useless-compensation", place, message, hint);
            }
        }
    }

    /// Looks at one task, if it is a `try`.
    pub(crate) fn handler(&mut self, node: &Node, place: &Place) {
        let Kind::Try { body, catch } = &node.kind else { return };
        if let Some(why) = self.never_catches(*body, catch) {
            let message = format!("the `catch` of the task `{}` never catches: {why}", node.name);
            self.warn("catch-never-matches", place, message, "what it should catch passes it by");
            return;
        }
        let Some(retry) = &catch.retry else { return };
        let never = |expr| self.literal(expr) == Some(false);
        let always = |expr| self.literal(expr) == Some(true);
        let inside = self.within(*body);
        let message = if retry.policy.maximum_attempts <= 1 {
            format!("the `retry` of the task `{}` retries nothing: its limit is 0", node.name)
        } else if retry.when.is_some_and(never) || retry.except_when.is_some_and(always) {
            format!(
                "the `retry` of the task `{}` retries nothing: its condition says so",
                node.name
            )
        } else if inside.iter().all(|id| self.node(*id).is_some_and(|node| !Self::is_effect(node)))
        {
            let name = &node.name;
            format!(
                "the `retry` of the task `{name}` changes nothing: it tries nothing that could go otherwise"
            )
        } else {
            return;
        };
        self.warn("useless-retry", place, message, "remove it, or put the call inside");
    }

    fn never_catches(&self, body: ListId, catch: &Catch) -> Option<String> {
        if self.program.list(body).is_empty() {
            return Some("nothing is tried".to_owned());
        }
        if catch.when.is_some_and(|when| self.literal(when) == Some(false)) {
            return Some("its `when` is never true".to_owned());
        }
        if catch.except_when.is_some_and(|except| self.literal(except) == Some(true)) {
            return Some("its `exceptWhen` is always true".to_owned());
        }
        let inside: Vec<&Node> =
            self.within(body).into_iter().filter_map(|id| self.node(id)).collect();
        if let Some(instance) = &catch.errors.instance {
            let raised = inside.iter().any(|node| match &node.kind {
                Kind::Raise(error) => error.instance.is_some(),
                _ => false,
            });
            if !raised && !inside.iter().any(|node| node.pointer == *instance) {
                return Some(format!("no task in it is `{instance}`"));
            }
        }
        if inside.iter().any(|node| Self::is_effect(node)) {
            return None;
        }
        let possible = self.possible(&inside)?;
        let takes = |error: &Error| {
            let filter = &catch.errors;
            filter.kind.as_ref().is_none_or(|kind| error.is_of_type(kind))
                && filter.status.is_none_or(|status| status == error.status)
        };
        let none = !possible.iter().any(takes);
        none.then(|| "nothing in it can fail in this way".to_owned())
    }

    /// The errors that tasks without effects can end with; none: that is not known.
    fn possible(&self, inside: &[&Node]) -> Option<Vec<Error>> {
        let own = [ErrorKind::Expression, ErrorKind::Validation, ErrorKind::Timeout];
        let mut all: Vec<Error> = own.iter().map(|kind| Error::new(*kind, "", "")).collect();
        for node in inside {
            let Kind::Raise(raised) = &node.kind else { continue };
            let (Template::Literal(kind), Template::Literal(status)) =
                (&raised.kind, &raised.status)
            else {
                return None;
            };
            let mut error = Error::new(ErrorKind::Runtime, "", "");
            error.kind = kind.as_str()?.to_owned();
            error.status = u16::try_from(status.as_u64()?).ok()?;
            all.push(error);
        }
        Some(all)
    }
}
