//! The process of a trial: `kintsugi chaos`, from its start to its end.

use std::{io, path::Path, process::Stdio, sync::Arc, time::Duration};

use kintsugi_gateway_ops::ChaosConfig;
use kintsugi_runtime::{Shutdown, own_variables};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};
use tracing::warn;

use crate::{
    asked::Asked,
    running::{Running, Said},
};

/// How long a trial may take to take everything down before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// How long its last words are waited for once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// When a trial that was told to stop has ended at the latest.
pub(crate) const STOP_MAX: Duration = Duration::from_secs(23);

/// How it came to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself: whether its exit code is 0, and what it is.
    Itself { well: bool, how: String },
    /// Somebody asked for it.
    Stopped,
    /// The gateway stops.
    Gateway,
    /// It took far longer than it may.
    Overdue,
}

/// Starts it. It ends when its input does.
pub(crate) fn start(
    config: &ChaosConfig,
    asked: &Asked,
    report: &Path,
    workflows: Option<&Path>,
) -> io::Result<Child> {
    let mut command = Command::new(&config.program);
    command.args(["chaos", "--stop-with-stdin", "--shape", asked.shape.name()]);
    command.arg("--for").arg(humantime::format_duration(asked.lasts).to_string().replace(' ', ""));
    command.arg("--seed").arg(asked.seed.to_string()).arg("--rate").arg(asked.rate.to_string());
    let kinds: Vec<&str> = asked.kinds.iter().map(|kind| kind.name()).collect();
    command.arg("--faults").arg(kinds.join(",")).arg("--json").arg(report);
    if let Some(workflows) = workflows {
        command.arg("--workflows").arg(workflows);
    }
    command.args(&config.flags);
    // Where this engine's database is, what its broker wants to hear, and what its secrets are.
    for name in own_variables() {
        command.env_remove(name);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).spawn()
}

/// How long a trial may take, all in all: each of its windows is drained and checked, which takes minutes where
/// the engine does not come back.
pub(crate) fn longest(lasts: Duration) -> Duration {
    lasts.saturating_mul(8).saturating_add(Duration::from_secs(900))
}

/// Listens to it until it has ended, by itself or since it must.
pub(crate) async fn see_out(
    mut child: Child,
    one: &Arc<Running>,
    gateway: &Shutdown,
    longest: Duration,
) -> End {
    // Waiting for a child closes its input, which would stop it.
    let input = child.stdin.take();
    let (to, out) = (Arc::clone(one), child.stdout.take());
    let words = tokio::spawn(async move { listen(out, &to.said).await });
    let (to, err) = (Arc::clone(one), child.stderr.take());
    let complaint = tokio::spawn(async move { listen(err, &to.complaint).await });
    let end = tokio::select! {
        ended = child.wait() => match ended {
            Ok(status) => End::Itself { well: status.success(), how: format!("it ended with {status}") },
            Err(error) => End::Itself { well: false, how: format!("it was lost: {error}") },
        },
        () = one.stop.cancelled() => End::Stopped,
        () = gateway.cancelled() => End::Gateway,
        () = sleep(longest) => End::Overdue,
    };
    drop(input);
    if timeout(STOP_WITHIN, child.wait()).await.is_err() {
        warn!(trial = one.id(), "a trial does not stop; killing it");
        kill(&mut child).await;
    }
    for listener in [words, complaint] {
        // Whoever it left behind with its output is not waited for.
        let stop = listener.abort_handle();
        if timeout(LAST_WORDS, listener).await.is_err() {
            stop.abort();
        }
    }
    end
}

/// Kills it and what it started in its own group. The rest is listed with a shell that kills it then.
async fn kill(child: &mut Child) {
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(group) = group {
        // It may have ended meanwhile.
        let _ended = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ended = child.wait().await;
}

/// Notes each line.
async fn listen(from: Option<impl AsyncRead + Unpin>, to: &Said) {
    let Some(from) = from else { return };
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        to.note(&line);
    }
}
