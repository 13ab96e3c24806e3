//! Binaries, ports, signals and waiting.

use std::{
    future::Future,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// A program that tests need and that may not be there.
#[derive(Clone, Copy, Debug)]
pub enum Tool {
    /// The engine itself.
    Kintsugi,
    /// The broker.
    NatsServer,
    /// The plain nats CLI.
    NatsCli,
    /// The trace store.
    Jaeger,
    /// The store of metrics.
    Prometheus,
    /// What checks its rules.
    Promtool,
    /// The browser.
    Chromium,
}

/// Finds a tool; none where it is absent, which is said loudly, and is a failure in CI.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where tools are")]
pub fn tool(tool: Tool) -> Option<PathBuf> {
    let (variable, names): (_, &[&str]) = match tool {
        Tool::Kintsugi => ("KINTSUGI_BIN", &["target/debug/kintsugi"]),
        Tool::NatsServer => {
            ("NATS_SERVER_BIN", &[".cache/tools/nats-server-2.15.1/nats-server", "nats-server"])
        }
        Tool::NatsCli => ("NATS_CLI_BIN", &[".cache/tools/nats-cli-0.5.1/nats", "nats"]),
        Tool::Jaeger => ("JAEGER_BIN", &[".cache/tools/jaeger-1.76.0/jaeger"]),
        Tool::Prometheus => ("PROMETHEUS_BIN", &["prometheus"]),
        Tool::Promtool => ("PROMTOOL_BIN", &["promtool"]),
        Tool::Chromium => ("CHROMIUM_BIN", &["chromium"]),
    };
    let root = root();
    let path = std::env::var("PATH").unwrap_or_default();
    let named = std::env::var(variable).ok().map(PathBuf::from);
    let found = named.into_iter().chain(names.iter().flat_map(|name| {
        let on_path = path.split(':').map(move |dir| Path::new(dir).join(name));
        std::iter::once(root.join(name)).chain(on_path)
    }));
    let found = found.into_iter().find(|file| file.is_file());
    if found.is_none() {
        let text =
            format!("{tool:?} is not here (set {variable}); run ./dev test, which installs it");
        assert!(std::env::var("CI").is_err(), "{text}");
        println!("SKIPPED: {text}");
    }
    found
}

/// The root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A port that nobody listens at now.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends a signal, e.g. `KILL` or `STOP`.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.unwrap().success(), "cannot send {name} to {pid}");
}

/// Asks until the answer is `Some`, and panics with `what` when it is not in time.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}
