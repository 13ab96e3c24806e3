//! `kintsugi chaos`: an engine of its own is put under load and broken, and a verdict is printed.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use kintsugi_chaos::{Kind, Options, RATE, Report, Setup, Shape, any_seed, conduct, lasts, rate};

use crate::{Failure, cli::Common, ending::Ending, settings::Settings};

/// What `kintsugi chaos` takes.
#[derive(Debug, Args)]
pub(crate) struct Chaos {
    /// How long there are load and faults, e.g. `2h`; draining and checking come on top.
    #[arg(long = "for", default_value = "2m", value_name = "TIME", value_parser = lasts)]
    lasts: Duration,
    /// What all choices follow from: the same one does the same again. Default: a new one, which is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Runs that are started per second.
    #[arg(long, default_value_t = RATE, value_parser = per_second)]
    rate: f64,
    /// The engine that is started: `dev` (one process, SQLite) or `services` (a process per service, Postgres).
    #[arg(long, default_value = "dev")]
    shape: Shape,
    /// Only these faults, with commas; each that the shape can have, if none is named.
    #[arg(long, value_delimiter = ',', value_name = "FAULT")]
    faults: Vec<Kind>,
    /// A folder of definitions (YAML), which are started instead of built-in ones. Their runs must end by
    /// themselves.
    #[arg(long, value_name = "DIR")]
    workflows: Option<PathBuf>,
    /// The report, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Leave the engine's data and logs where they are.
    #[arg(long)]
    keep: bool,
    /// End when stdin does, without a report: for a parent that may be killed.
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

/// Tasks that a worker with a ledger executes at once.
const LEDGER_SLOTS: usize = 8;

/// A worker that keeps a ledger; `kintsugi chaos` starts some, to kill them.
#[derive(Debug, Args)]
pub(crate) struct Ledger {
    /// The ledger.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

/// Breaks an engine; whether it kept its promises decides the exit code.
pub(crate) async fn run(
    chaos: Chaos,
    settings: &Settings,
    common: &Common,
) -> Result<ExitCode, Failure> {
    let options = options(&chaos, settings, common)?;
    let ending = Ending::listen(chaos.stop_with_stdin);
    let nobody_reads = ending.at_once.clone();
    let trial = conduct(options, ending.early, move |line| {
        if writeln!(std::io::stdout(), "{line}").is_err() {
            nobody_reads.cancel();
        }
    });
    // Whatever belongs to it goes with it.
    let report = tokio::select! {
        report = trial => report,
        () = ending.at_once.cancelled() => {
            return Err(Failure::plain("chaos was ended before its time: there is no verdict"));
        }
    };
    let report = report.map_err(|error| Failure::because("chaos could not be done", error))?;
    let _ = writeln!(std::io::stdout(), "\n{report}");
    if let Some(file) = &chaos.json {
        write(file, &report)?;
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Executes the ledger's tasks until it is killed.
pub(crate) async fn ledger(ledger: Ledger, settings: &Settings) -> Result<bool, Failure> {
    let url = settings.nats.options("kintsugi-ledger").url;
    kintsugi_trial::ledger_worker(&url, &ledger.file, LEDGER_SLOTS)
        .await
        .map_err(|error| Failure::because("the worker stopped", error))?;
    Ok(true)
}

fn options(chaos: &Chaos, settings: &Settings, common: &Common) -> Result<Options, Failure> {
    let shape = chaos.shape;
    let database_url = common.database_url.clone();
    if shape == Shape::Dev && database_url.is_some() {
        return Err(Failure::plain(
            "the shape `dev` keeps its database in a file of its own: leave --database-url away, or \
             say --shape services",
        ));
    }
    if common.nats_url.is_some() {
        return Err(Failure::plain(
            "`kintsugi chaos` runs a nats-server of its own, which it kills: leave --nats-url away",
        ));
    }
    let program = std::env::current_exe()
        .map_err(|error| Failure::because("cannot find this program", error))?;
    let setup = Setup {
        shape,
        program,
        nats_server: settings.nats.server_binary.clone().unwrap_or_else(|| "nats-server".into()),
        database_url,
        flags: flags(common),
        keep: chaos.keep,
    };
    let seed = chaos.seed.unwrap_or_else(any_seed);
    let workflows = chaos.workflows.as_deref().map(definitions).transpose()?.unwrap_or_default();
    let (lasts, rate, kinds) = (chaos.lasts, chaos.rate, chaos.faults.clone());
    Ok(Options { setup, seed, lasts, rate, kinds, workflows })
}

/// What the user set holds for the engine, too.
fn flags(common: &Common) -> Vec<String> {
    let mut flags = Vec::new();
    if let Some(config) = &common.config {
        flags.extend(["--config".to_owned(), config.display().to_string()]);
    }
    for (name, value) in &common.set {
        flags.extend(["--set".to_owned(), format!("{name}={value}")]);
    }
    flags
}

/// The definitions of a folder, by name.
fn definitions(folder: &Path) -> Result<Vec<String>, Failure> {
    let unreadable =
        |path: &Path, error| Failure::because(&format!("cannot read {}", path.display()), error);
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml" || end == "yml"));
    files.sort();
    if files.is_empty() {
        return Err(Failure::plain(format!("there is no YAML file in {}", folder.display())));
    }
    let read =
        |file: &PathBuf| std::fs::read_to_string(file).map_err(|error| unreadable(file, error));
    files.iter().map(read).collect()
}

fn write(file: &Path, report: &Report) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(report).map_err(std::io::Error::other);
    text.and_then(|text| std::fs::write(file, text))
        .map_err(|error| Failure::because(&format!("cannot write {}", file.display()), error))
}

fn per_second(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "expected a number".to_owned()).and_then(rate)
}
