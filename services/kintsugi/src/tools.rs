//! Commands that look at something and end.

use std::{collections::BTreeMap, io::Write, process::ExitCode, time::Duration};

use kintsugi_runtime::Setting;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{Failure, cli::Exec, settings::Settings};

/// Prints what is in force and where it comes from.
pub(crate) fn print_config(settings: &BTreeMap<String, Setting>) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    for (name, setting) in settings {
        writeln!(out, "{name} = {}  # {}", setting.value, setting.source)
            .map_err(|error| Failure::because("cannot print", error))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks a gateway whether it is ready, by the plainest of requests: this runs in a container's
/// health check, many times a minute.
pub(crate) async fn health(url: &str) -> ExitCode {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(64 * 1024).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match timeout(Duration::from_secs(5), ask).await {
        Ok(Ok(answer)) if answer.starts_with(b"HTTP/1.1 200") => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Makes a program a durable worker.
pub(crate) async fn exec(exec: Exec, settings: &Settings) -> Result<bool, Failure> {
    let options = kintsugi_worker::exec::ExecOptions {
        nats: settings.nats.options("kintsugi-worker"),
        task_type: exec.task_type,
        queue: exec.queue,
        concurrency: usize::from(exec.concurrency),
        env: exec.env,
        program: exec.program,
    };
    kintsugi_worker::exec::run(options)
        .await
        .map_err(|error| Failure::because("the worker stopped", error))?;
    Ok(true)
}
