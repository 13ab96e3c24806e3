//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

/// Kintsugi: a self-healing workflow engine.
#[derive(Debug, Parser)]
#[command(name = "kintsugi", version, about, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Common {
    /// A TOML file with settings.
    #[arg(long, global = true, env = "KINTSUGI_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One setting, e.g. `--set gateway.http=127.0.0.1:3000`; may be repeated.
    #[arg(long, global = true, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) set: Vec<(String, String)>,
    /// The database, `postgres://…` or `sqlite://…`.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// The broker, `nats://…`.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) nats_url: Option<String>,
    /// Where spans go (OTLP over HTTP), e.g. `http://127.0.0.1:4318`.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,
    /// Written as JSON once everything is ready.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything on one machine: all services, `SQLite` and a nats-server of its own.
    Dev(Dev),
    /// All services in one process, on a database and a broker that run already.
    All {
        /// Where the gateway listens.
        #[arg(long, value_name = "ADDR:PORT")]
        http: Option<String>,
    },
    /// The front door: HTTP and NATS.
    Gateway {
        /// Where to listen; port 0 picks one.
        #[arg(long, value_name = "ADDR:PORT")]
        http: Option<String>,
    },
    /// Turns messages into committed decisions.
    Orchestrator,
    /// Executes the built-in tasks, or with `exec` any program.
    Worker {
        #[command(subcommand)]
        what: Option<WorkerCommand>,
        /// Stop when stdin ends: for a parent that may be killed.
        #[arg(long, hide = true)]
        stop_with_stdin: bool,
    },
    /// Finds what broke, and has it mended.
    Detector,
    /// Wakes runs whose time has come, and keeps the dead letters.
    Retry,
    /// Tells people and systems outside.
    Notifier,
    /// Figures: metrics and the system summary.
    Monitor,
    /// Prints what is set, and where it comes from. Secrets are masked.
    Config,
    /// Checks definitions and prints every problem. Exits with 1 if one is not accepted, with 2 if a
    /// file cannot be read.
    Validate(crate::check::Validate),
    /// Draws a definition. Exits as `validate` does.
    Graph(crate::check::Draw),
    /// Says why a run, a task, a queue, a worker or a schedule does not move. Exits with 1 if there is no
    /// such thing, or nobody answers.
    Explain(crate::explain::Explain),
    /// Starts an engine, puts it under load, breaks it in every way from a seed, and prints a verdict. Exits
    /// with 1 if a promise is broken.
    Chaos(crate::chaos::Chaos),
    #[command(hide = true)]
    ChaosLedger(crate::chaos::Ledger),
    /// Exits with 0 if a gateway is ready.
    Health {
        /// The gateway.
        #[arg(long, default_value = "http://127.0.0.1:3000")]
        url: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Where everything is kept.
    #[arg(long, default_value = "./.kintsugi", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Where the gateway listens; port 0 picks one.
    #[arg(long, default_value = "127.0.0.1:3000", value_name = "ADDR:PORT")]
    pub(crate) http: SocketAddr,
    /// Where the gateway listens as well.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) also_http: Option<SocketAddr>,
    /// Where nats-server listens; port 0 picks one.
    #[arg(long, default_value = "127.0.0.1:4222", value_name = "ADDR:PORT")]
    pub(crate) nats: SocketAddr,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkerCommand {
    /// Makes any program a durable worker: input on stdin, output on stdout, the exit code decides.
    Exec(Exec),
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The task type that the program executes.
    pub(crate) task_type: String,
    /// The queue.
    #[arg(long, default_value = "default")]
    pub(crate) queue: String,
    /// How many run at once.
    #[arg(long, default_value_t = 1)]
    pub(crate) concurrency: u16,
    /// A variable of this process's environment that the program gets; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Vec<String>,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    pub(crate) program: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Common {
    /// The flags as settings.
    pub(crate) fn flags(&self) -> Vec<(String, String)> {
        let named = [
            ("database.url", &self.database_url),
            ("nats.url", &self.nats_url),
            ("trace.otlp_endpoint", &self.otlp_endpoint),
        ];
        let named = named.into_iter().filter_map(|(name, value)| {
            value.as_ref().map(|value| (name.to_owned(), value.clone()))
        });
        self.set.iter().cloned().chain(named).collect()
    }
}
