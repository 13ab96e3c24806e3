//! `simulate`: a task that does what a real one does at its worst, on demand.

use std::time::Duration;

use kintsugi_nats::Bus;
use kintsugi_worker::{Context, Failure};
use nix::sys::signal::{Signal, raise};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::warn;

/// How long sending garbage may take.
const SEND_MAX: Duration = Duration::from_secs(2);

/// What a task wants to be simulated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default)]
    mode: Mode,
    /// How long it works before that.
    #[serde(default)]
    duration_ms: u64,
    /// How often it goes wrong before it succeeds.
    times: Option<u64>,
    /// What it gives when it succeeds.
    output: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Gives its output.
    #[default]
    Succeed,
    /// Fails `times` times (default 1), then succeeds.
    FailTimes,
    /// Fails, every time.
    Fail,
    /// Fails so that no retry helps.
    Fatal,
    /// Kills its own process in the first `times` attempts (default 1), then succeeds.
    Crash,
    /// Never returns, in the first `times` attempts (default: in all).
    Hang,
    /// Stops its own process in the first `times` attempts (default 1), then succeeds.
    Freeze,
    /// Sends a malformed result in the first `times` attempts (default 1), and succeeds.
    Garbage,
    /// Gives an output over the limit.
    Huge,
}

/// The handler of `simulate`.
pub(crate) struct Simulate {
    pub(crate) bus: Bus,
    /// Whether it may harm its own process.
    pub(crate) faults: bool,
    pub(crate) output_max: usize,
}

impl Simulate {
    pub(crate) async fn act(&self, context: &Context, input: Value) -> Result<Value, Failure> {
        let wish: Wish = serde_json::from_value(input).map_err(|error| {
            Failure::fatal(format!("the input of `simulate`: {error}")).kind("validation")
        })?;
        let harms = matches!(wish.mode, Mode::Crash | Mode::Hang | Mode::Freeze);
        if harms && !self.faults {
            let setting = "`worker.simulate_faults` is off";
            return Err(Failure::fatal(setting).kind("configuration"));
        }
        tokio::time::sleep(Duration::from_millis(wish.duration_ms)).await;
        // Attempts that were lost are no failures, so these modes count epochs.
        let first = |times: u64| context.epoch() <= wish.times.unwrap_or(times);
        match wish.mode {
            Mode::FailTimes if u64::from(context.failures()) < wish.times.unwrap_or(1) => {
                let failed = context.failures() + 1;
                return Err(Failure::retryable(format!("simulated failure {failed}")));
            }
            Mode::Fail => return Err(Failure::retryable("simulated failure")),
            Mode::Fatal => return Err(Failure::fatal("simulated fatal failure")),
            Mode::Huge => return Ok(Value::String("x".repeat(self.output_max))),
            Mode::Crash if first(1) => harm(context, "crash", Signal::SIGKILL)?,
            Mode::Freeze if first(1) => harm(context, "freeze", Signal::SIGSTOP)?,
            Mode::Hang if first(u64::MAX) => std::future::pending().await,
            Mode::Garbage if first(1) => self.send_garbage(context).await?,
            _ => {}
        }
        Ok(wish.output.unwrap_or_else(|| json!({ "simulated": "succeed" })))
    }

    /// What a broken worker could send: the beginning of a result, with the wrong types.
    async fn send_garbage(&self, context: &Context) -> Result<(), Failure> {
        let garbage = format!("[{{\"run\": \"{}\", \"input\": {{\"kind\": 7, ", context.run());
        self.bus.request(context.reply(), garbage.into_bytes(), SEND_MAX).await?;
        Ok(())
    }
}

/// `kill -9` or a stopped process, as it would come from outside.
fn harm(context: &Context, what: &str, signal: Signal) -> Result<(), Failure> {
    warn!(task.id = context.task(), task.epoch = context.epoch(), what, "simulating");
    Ok(raise(signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_mode_or_field_is_refused() {
        assert!(serde_json::from_value::<Wish>(json!({ "mode": "explode" })).is_err());
        assert!(serde_json::from_value::<Wish>(json!({ "mode": "fail", "time": 1 })).is_err());
        assert_eq!(serde_json::from_value::<Wish>(json!({})).unwrap().mode, Mode::Succeed);
    }
}
