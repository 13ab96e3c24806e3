//! What a request says, as the machine is told it.

use kintsugi_core::{Error, ErrorKind, RunId, Steer, Steering};
use kintsugi_deciding::Named;
use kintsugi_gateway_ops::{
    Problem, shallow,
    types::{
        CompleteRequest, FailRequest, GivenError, RerunRequest, SkipRequest, SteerRequest,
        TerminateRequest, VariablesRequest,
    },
};
use serde_json::Value;
use uuid::Uuid;

/// The longest name of who asks, in characters.
const BY_MAX: usize = 200;

/// The longest reason, and the longest text of an error, in characters.
const TEXT_MAX: usize = 1_000;

/// A task, as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// By its number in the run.
    Number(u64),
    /// By its reference (JSON pointer): the only open one there.
    Reference(String),
}

impl Task {
    /// As the run's machine is asked.
    fn named(self) -> Named {
        match self {
            Self::Number(number) => Named::Number(number),
            Self::Reference(pointer) => Named::Reference(pointer),
        }
    }

    /// Reads `7` or `/do/0/charge`.
    ///
    /// # Errors
    ///
    /// 400.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.starts_with('/') {
            return Ok(Self::Reference(text.to_owned()));
        }
        text.parse().map(Self::Number).map_err(|_| {
            let title = "a task is named by its number, or by its reference like `/do/0/charge`";
            Problem::bad_request("invalid_parameter", title)
        })
    }
}

/// What is asked of a run.
#[derive(Clone, Debug)]
pub enum Order {
    /// Begin nothing more.
    Suspend(SteerRequest),
    /// Go on.
    Resume(SteerRequest),
    /// Give a task that backs off out now.
    Retry(Task, SteerRequest),
    /// End a task with an output.
    Complete(Task, CompleteRequest),
    /// End a task with an error.
    Fail(Task, FailRequest),
    /// Pass a task.
    Skip(Task, SkipRequest),
    /// Begin anew from a task.
    Rerun(RerunRequest),
    /// Change `$context`.
    Variables(VariablesRequest),
    /// End.
    Terminate(TerminateRequest),
}

/// Name of the request, who and why.
type Said = (Option<String>, Option<String>, Option<String>);

impl Order {
    /// What the machine is told, and the task that it is about, whose number it lacks.
    ///
    /// # Errors
    ///
    /// 413 when a payload has more than `bytes_max` bytes, 422.
    pub(crate) fn into_steer(self, bytes_max: usize) -> Result<(Steer, Option<Named>), Problem> {
        let ((request, by, reason), what, task) = self.parts()?;
        if let Some(payload) = payloads(&what) {
            if payload.to_string().len() > bytes_max {
                return Err(Problem::too_large("what is given", bytes_max));
            }
            shallow(payload)?;
        }
        bounded(&by, &reason)?;
        let request = match request {
            Some(name) => RunId::parse(&name).map(|_| name).map_err(|_| {
                let title = "`request` must be like [A-Za-z0-9_-]{1,64}";
                Problem::unprocessable("invalid_body", title)
            })?,
            None => Uuid::now_v7().simple().to_string(),
        };
        Ok((Steer { request, by, reason, what }, task.map(Task::named)))
    }

    fn parts(self) -> Result<(Said, Steering, Option<Task>), Problem> {
        let said = |request: SteerRequest| (request.request, request.by, request.reason);
        Ok(match self {
            Self::Suspend(request) => (said(request), Steering::Suspend { hold: None }, None),
            Self::Resume(request) => (said(request), Steering::Resume, None),
            Self::Retry(task, request) => (said(request), Steering::Retry { task: 0 }, Some(task)),
            Self::Complete(task, CompleteRequest { output, request, by, reason }) => {
                ((request, by, reason), Steering::Complete { task: 0, output }, Some(task))
            }
            Self::Fail(task, FailRequest { error, request, by, reason }) => {
                let error = given(error.unwrap_or_default())?;
                ((request, by, reason), Steering::Fail { task: 0, error }, Some(task))
            }
            Self::Skip(task, SkipRequest { output, request, by, reason }) => {
                ((request, by, reason), Steering::Skip { task: 0, output }, Some(task))
            }
            Self::Rerun(RerunRequest { from, input, request, by, reason }) => {
                ((request, by, reason), Steering::Rerun { from, input }, None)
            }
            Self::Variables(VariablesRequest { replace, merge, request, by, reason }) => {
                let (value, merge) = match (replace, merge) {
                    (Some(value), None) => (value, false),
                    (None, Some(value)) => (value, true),
                    _ => {
                        let title = "variables need one of `replace` and `merge`";
                        return Err(Problem::unprocessable("invalid_body", title));
                    }
                };
                ((request, by, reason), Steering::Variables { value, merge }, None)
            }
            Self::Terminate(TerminateRequest { children, request, by, reason }) => {
                let abandon = children == Some(false);
                ((request, by, reason), Steering::Terminate { abandon }, None)
            }
        })
    }
}

/// Refuses a name or reason that is too long, or says nothing.
///
/// # Errors
///
/// 422.
pub(crate) fn bounded(by: &Option<String>, reason: &Option<String>) -> Result<(), Problem> {
    for (name, text, max) in [("by", by, BY_MAX), ("reason", reason, TEXT_MAX)] {
        let fits = |text: &String| !text.trim().is_empty() && text.chars().count() <= max;
        if !text.as_ref().is_none_or(fits) {
            let title = format!("`{name}` must have 1 to {max} characters");
            return Err(Problem::unprocessable("invalid_body", title));
        }
    }
    Ok(())
}

fn payloads(what: &Steering) -> Option<&Value> {
    match what {
        Steering::Complete { output, .. } => Some(output),
        Steering::Skip { output, .. } => output.as_ref(),
        Steering::Rerun { input, .. } => input.as_ref(),
        Steering::Variables { value, .. } => Some(value),
        _ => None,
    }
}

/// The error that is meant. Where it arose follows from the task.
fn given(given: GivenError) -> Result<Error, Problem> {
    let refused = |title: String| Err(Problem::unprocessable("invalid_body", title));
    for text in [&given.kind, &given.title, &given.detail].into_iter().flatten() {
        if text.is_empty() || text.chars().count() > TEXT_MAX {
            return refused(format!("each text of `error` must have 1 to {TEXT_MAX} characters"));
        }
    }
    if given.status.is_some_and(|status| !(100..=599).contains(&status)) {
        return refused("`error.status` must be 100 to 599".to_owned());
    }
    let named = given.kind.as_deref().unwrap_or("runtime");
    let known = ErrorKind::named(named);
    let detail = given.detail.unwrap_or_else(|| "failed by hand".to_owned());
    let mut error = Error::new(known.unwrap_or(ErrorKind::Runtime), "", detail);
    error.instance = None;
    if known.is_none() {
        if !named.contains(':') {
            let names: Vec<&str> = ErrorKind::ALL.iter().map(|kind| kind.parts().0).collect();
            let of = names.join(", ");
            return refused(format!("`error.type` must be a URI, or one of {of}"));
        }
        (error.kind, error.title) = (named.to_owned(), None);
    }
    error.status = given.status.unwrap_or(error.status);
    error.title = given.title.or(error.title);
    Ok(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_a_number_or_a_reference() {
        assert_eq!(Task::parse("7").unwrap(), Task::Number(7));
        assert_eq!(Task::parse("/do/0/a").unwrap(), Task::Reference("/do/0/a".to_owned()));
        for bad in ["", "a", "-1", "1.5"] {
            assert_eq!(Task::parse(bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn an_error_is_of_a_known_type_or_of_a_uri() {
        let of =
            |kind: &str| given(GivenError { kind: Some(kind.to_owned()), ..GivenError::default() });
        assert_eq!(of("timeout").unwrap().status, 408);
        assert_eq!(of("https://example.com/no").unwrap().kind, "https://example.com/no");
        assert_eq!(of("odd").unwrap_err().status, 422);
        let status = GivenError { status: Some(99), ..GivenError::default() };
        assert_eq!(given(status).unwrap_err().status, 422);
    }

    #[test]
    fn variables_are_replaced_or_merged_and_not_both() {
        let order = |replace: Option<Value>, merge: Option<Value>| {
            Order::Variables(VariablesRequest { replace, merge, ..VariablesRequest::default() })
                .into_steer(100)
        };
        assert!(order(Some(Value::Null), None).is_ok());
        assert_eq!(order(None, None).unwrap_err().status, 422);
        assert_eq!(order(Some(Value::Null), Some(Value::Null)).unwrap_err().status, 422);
        assert_eq!(order(Some("x".repeat(200).into()), None).unwrap_err().status, 413);
    }
}
