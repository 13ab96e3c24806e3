//! A long task: it says how far it is, and cleans up when it is no longer wanted.

use std::time::Duration;

use kintsugi_worker::{Context, Error, Failure, Worker};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    Worker::connect("nats://127.0.0.1:4222").await?.task("import", import).run().await
}

async fn import(context: Context, input: Value) -> Result<Value, Failure> {
    let rows = input["rows"].as_u64().unwrap_or(100);
    for row in 0..rows {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
            () = context.cancelled() => {
                // Five seconds to leave things tidy.
                return Err(Failure::retryable(format!("stopped at row {row}")));
            }
        }
        context.progress(json!({ "rows_done": row + 1, "rows": rows }))?;
    }
    Ok(json!({ "imported": rows }))
}
