//! `call: http`.

mod request;
mod response;

use kintsugi_worker::Failure;
use serde_json::Value;

use crate::{Attempt, auth::Policy};
use request::Arguments;
pub(crate) use request::{Output, headers, invalid, own_headers, stays, text};
pub(crate) use response::{Asked, check, output, retry_after};

/// Makes an HTTP call.
pub(crate) async fn call(attempt: &Attempt<'_>, input: Value) -> Result<Value, Failure> {
    let mut values = attempt.arguments(input, &[])?.values;
    let policy = policy(attempt, &mut values)?;
    let arguments = Arguments::read(values)?;
    let request = arguments.request()?;
    let (form, redirect) = (arguments.output, arguments.redirect);
    exchange(attempt, request, policy.as_ref(), form, redirect).await
}

/// Takes the argument `authentication` out.
pub(crate) fn policy(attempt: &Attempt<'_>, values: &mut Value) -> Result<Option<Policy>, Failure> {
    let found = values.as_object_mut().and_then(|map| map.remove("authentication"));
    let read =
        |value| Policy::read(value, attempt.context, &attempt.calls.secrets, &attempt.sensitive);
    found.map(read).transpose()
}

/// Sends a request and makes the output of its answer.
pub(crate) async fn exchange(
    attempt: &Attempt<'_>,
    mut request: crate::web::Outgoing,
    policy: Option<&Policy>,
    form: Output,
    redirect: bool,
) -> Result<Value, Failure> {
    own_headers(&mut request.headers, attempt.context);
    request.follow = redirect;
    request.until = Some(attempt.context.deadline());
    let asked = Asked::of(&request);
    let mut answer = attempt.session().send(request, policy).await?;
    answer.body = attempt.sensitive.bytes(answer.body);
    check(&answer, redirect)?;
    output(&answer, form, &asked)
}
