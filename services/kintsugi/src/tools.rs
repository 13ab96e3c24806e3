//! Commands that look at something and end.

use std::{collections::BTreeMap, io::Write, path::Path, process::ExitCode, time::Duration};

use kintsugi_definition::{Resources, Settings as Rules};
use kintsugi_egress::{Allow, Fetcher, Rules as FetchRules};
use kintsugi_runtime::Setting;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{Failure, cli::Exec, settings::Settings};

/// The largest definition file that is read, in bytes: more than any gateway accepts.
const FILE_MAX: u64 = 16 * 1024 * 1024;

/// Prints what is in force and where it comes from.
pub(crate) fn print_config(settings: &BTreeMap<String, Setting>) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    for (name, setting) in settings {
        writeln!(out, "{name} = {}  # {}", setting.value, setting.source)
            .map_err(|error| Failure::because("cannot print", error))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks a definition and prints every problem, in the form that editors understand.
pub(crate) async fn validate(file: &Path, settings: &Settings) -> Result<ExitCode, Failure> {
    let cannot = |error| Failure::because(&format!("cannot read {}", file.display()), error);
    if std::fs::metadata(file).map_err(cannot)?.len() > FILE_MAX {
        return Err(Failure::plain(format!("{} is larger than {FILE_MAX} bytes", file.display())));
    }
    let source = std::fs::read(file).map_err(cannot)?;
    // Whoever calls this owns the machine.
    let rules = FetchRules { allow: Allow::Any, files: true, ..FetchRules::default() };
    let failed = |error| Failure::because("cannot check the definition", error);
    let fetcher = Fetcher::new(rules).map_err(failed)?;
    let mut own = Rules::default();
    own.limits.abilities = settings.processes.allow.clone();
    let compiled = fetcher.compile(source, own, Resources::default()).await;
    let (problems, code) = match compiled.map_err(failed)?.1 {
        Ok(compiled) => (compiled.warnings, ExitCode::SUCCESS),
        Err(problems) => (problems.0, ExitCode::FAILURE),
    };
    let mut out = std::io::stdout().lock();
    for problem in &problems {
        let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let _ = writeln!(
            out,
            "{}:{}:{}: [{}] {}{hint}",
            file.display(),
            problem.line,
            problem.column,
            problem.code,
            problem.message
        );
    }
    if code == ExitCode::SUCCESS {
        let _ = writeln!(out, "{}: valid", file.display());
    }
    Ok(code)
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
