//! How many tasks that do nothing a worker gets through, with the broker's part beside it:
//! `cargo run --release -p kintsugi-worker --example throughput -- nats-server 100000 16`,
//! the last is how many tasks a message has.

use std::time::{Duration, Instant};

use kintsugi_core::{RunId, Timestamp};
use kintsugi_nats::{Bus, Limits, Options, Server, ServerOptions, TaskMessage};
use kintsugi_worker::{Stop, Worker};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure())
}

async fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let binary = arguments.next().unwrap_or_else(|| "nats-server".to_owned());
    let count: usize = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let width = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("kintsugi-throughput-{}", std::process::id()));
    let server = Server::spawn(ServerOptions::new(binary, &folder)).await?;
    let options = Options { url: server.url(), ..Options::default() };
    let bus = Bus::connect(&options).await?;
    bus.ensure_streams(&Limits::default()).await?;
    let tasks: Vec<_> = (0..count).map(|number| task(number).map(|task| (task, 1))).collect();
    let tasks = tasks.into_iter().collect::<Result<Vec<_>, _>>()?;
    bus.publish_tasks(&tasks.chunks(width).map(|group| group.iter().collect()).collect::<Vec<_>>())
        .await?;
    let mut reader = bus.read_events(&[0], 1).await?;

    let (begun, used) = (Instant::now(), cpu_time());
    let worker = Worker::connect(&server.url()).await?.concurrency(256);
    let worker = worker.task("nothing", |_, _: Value| async { Ok(()) });
    let stop = Stop::new();
    let running = tokio::spawn(worker.run_until(stop.clone()));
    let mut done = 0;
    while done < count {
        let batch = reader.next_batch(256).await?;
        done +=
            batch.iter().filter_map(|one| one.inputs.as_ref().ok()).map(Vec::len).sum::<usize>();
    }
    let (took, used) = (begun.elapsed(), cpu_time().saturating_sub(used));
    let rate = u128::try_from(count)? * 1_000 / took.as_millis().max(1);
    eprintln!("{count} tasks in {took:?}: {rate} tasks/s, {used:?} of CPU without the broker");
    stop.cancel();
    running.await??;
    drop(server);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn task(number: usize) -> Result<TaskMessage, kintsugi_core::IdError> {
    let run = RunId::parse(&format!("run-{number}"))?;
    Ok(TaskMessage {
        task: format!("{run}:1"),
        idempotency_key: format!("{run}:1"),
        run,
        number: 1,
        epoch: 1,
        attempt: 1,
        failures: 0,
        crashes: 0,
        task_type: "nothing".to_owned(),
        queue: "default".to_owned(),
        input: json!({ "n": number }),
        definition: "test/test:1.0.0".to_owned(),
        pointer: "/do/0/it".to_owned(),
        start_to_close_ms: 60_000,
        lease_ms: None,
        heartbeat_ms: 300,
        reply: "kintsugi.events.0".to_owned(),
        dispatched_at: Timestamp(0),
        traceparent: None,
    })
}

/// What this process used so far, from `/proc/self/stat` in ticks of 10 ms; zero where there is none.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
