//! What a user writes, in the one form that the engine of the worker calls.

use std::{pin::Pin, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Context, Failure};

/// What a handler's call gives.
pub(crate) type Outcome = Result<Value, Failure>;

/// A handler without its types. Reading the input and writing the output are part of the call, so
/// that a panic in a user's serde code is caught with the handler's own.
pub(crate) type Handler =
    Arc<dyn Fn(Context, Value) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

/// Takes the types off an async handler.
pub(crate) fn erase<F, Fut, I, O>(handler: F) -> Handler
where
    F: Fn(Context, I) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, Failure>> + Send + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |context, input| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let input = read(input)?;
            let output = handler(context, input).await?;
            write(&output)
        })
    })
}

/// Takes the types off a handler that blocks: it runs on a thread of its own.
pub(crate) fn erase_blocking<F, I, O>(handler: F) -> Handler
where
    F: Fn(Context, I) -> Result<O, Failure> + Send + Sync + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |context, input| {
        let handler = Arc::clone(&handler);
        let work = move || write(&handler(context, read(input)?)?);
        Box::pin(async move {
            match tokio::task::spawn_blocking(work).await {
                Ok(outcome) => outcome,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => Err(Failure::retryable("the worker's runtime is shutting down")),
                },
            }
        })
    })
}

fn read<I: DeserializeOwned>(input: Value) -> Result<I, Failure> {
    serde_json::from_value(input).map_err(|error| {
        Failure::fatal(format!("the input does not fit the handler: {error}")).kind("validation")
    })
}

fn write<O: Serialize>(output: &O) -> Outcome {
    serde_json::to_value(output)
        .map_err(|error| Failure::fatal(format!("the output cannot be written as JSON: {error}")))
}

/// What a panic says.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&'static str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the handler panicked: {}", text.as_deref().unwrap_or("no message"))
}
