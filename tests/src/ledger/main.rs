//! A worker that keeps a ledger of its own: `kintsugi-ledger NATS_URL FILE [SLOTS]`. Each execution is
//! written to the file when it begins and before its result is given, so that a test can hold what
//! the engine says against what was done.

use std::{path::PathBuf, time::Duration};

use kintsugi_tests::Execution;
use kintsugi_worker::{Context, Failure, Worker};
use serde::Deserialize;
use serde_json::{Value, json};

/// How long the work takes.
#[derive(Deserialize)]
struct Work {
    #[serde(default)]
    hold_ms: u64,
    /// The first attempt waits until its process was frozen, or cut off, and goes on this long after.
    zombie_ms: Option<u64>,
}

/// A process that slept for so long was frozen.
const FROZEN: Duration = Duration::from_secs(1);

/// Between two looks at the clock, and at the broker.
const LOOK: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("usage: kintsugi-ledger NATS_URL FILE")?;
    let file = PathBuf::from(args.next().ok_or("usage: kintsugi-ledger NATS_URL FILE")?);
    let slots = args.next().map_or(Ok(8), |slots| slots.parse())?;
    let worker = Worker::connect(&url).await?.concurrency(slots);
    let handler = move |context: Context, work: Work| execute(file.clone(), context, work);
    Ok(worker.task("ledger", handler).run().await?)
}

async fn execute(file: PathBuf, context: Context, work: Work) -> Result<Value, Failure> {
    let begun = Execution {
        task: context.task().to_owned(),
        epoch: context.epoch(),
        key: context.idempotency_key().to_owned(),
        pid: std::process::id(),
        token: None,
    };
    begun.append(&file)?;
    tokio::time::sleep(Duration::from_millis(work.hold_ms)).await;
    if let Some(zombie_ms) = work.zombie_ms.filter(|_| context.epoch() == 1) {
        context.progress("alive")?;
        was_away(&context).await;
        tokio::time::sleep(Duration::from_millis(zombie_ms)).await;
    }
    let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let token = format!("{}/{}/{}/{}", begun.task, begun.epoch, begun.pid, at.as_nanos());
    Execution { token: Some(token.clone()), ..begun }.append(&file)?;
    Ok(json!({ "token": token }))
}

/// Until this process goes on after it was frozen, or reaches the broker after it was cut off.
async fn was_away(context: &Context) {
    let mut cut_off = false;
    loop {
        let before = std::time::Instant::now();
        tokio::time::sleep(LOOK).await;
        let is_cut_off = context.is_cut_off();
        if before.elapsed() > FROZEN || (cut_off && !is_cut_off) {
            return;
        }
        cut_off = is_cut_off;
    }
}
