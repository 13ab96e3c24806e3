//! The binary: every role, and all of them in one process.

mod chaos;
mod check;
mod children;
mod cli;
mod dev;
mod ending;
mod explain;
mod ready;
mod roles;
mod settings;
mod tools;
mod trials;
mod wire;

use std::{error::Error, io::Write, path::PathBuf, process::ExitCode};

use clap::Parser;
use cli::{Cli, Command, WorkerCommand};
use kintsugi_runtime::{Loaded, Service, load};
use settings::Settings;

/// A step makes and drops some hundred small objects among a few large ones, with which glibc's allocator
/// spent a third of an orchestrator's time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Why the program ends before its time.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    why: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    pub(crate) fn plain(what: impl Into<String>) -> Self {
        Self { what: what.into(), why: None }
    }

    pub(crate) fn because(what: &str, why: impl Error + Send + Sync + 'static) -> Self {
        Self { what: what.to_owned(), why: Some(Box::new(why)) }
    }

    pub(crate) fn print(&self) {
        let mut text = format!("kintsugi: {}", self.what);
        let mut cause = self.why.as_deref().map(|why| why as &dyn Error);
        while let Some(error) = cause {
            let said = error.to_string();
            // Some libraries' errors have their cause in their text, too.
            if !text.ends_with(&said) {
                text.push_str(&format!(": {said}"));
            }
            cause = error.source();
        }
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Failure::because("cannot start the runtime", error).print();
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(Box::pin(run(cli))) {
        Ok(code) => code,
        Err(failure) => {
            failure.print();
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let common = cli.common;
    let mut flags = common.flags();
    match &cli.command {
        Command::Gateway { http: Some(http) } | Command::All { http: Some(http) } => {
            flags.push(("gateway.http".to_owned(), http.clone()));
        }
        Command::Dev(dev) => flags.extend(dev.flags()),
        _ => {}
    }
    let loaded: Loaded<Settings> = load(common.config.as_deref(), &flags)
        .map_err(|error| Failure::because("the configuration is wrong", error))?;
    let (settings, file) = (loaded.value.share(), common.ready_file.clone());
    match cli.command {
        Command::Config => return tools::print_config(&loaded.settings),
        Command::Validate(args) => {
            return check::validate(args, &settings.processes.allow).await;
        }
        Command::Graph(args) => return check::draw(args, &settings.processes.allow).await,
        Command::Explain(args) => return explain::explain(args, &settings).await,
        Command::Health { url } => return Ok(tools::health(&url).await),
        Command::Chaos(args) => return Box::pin(chaos::run(args, &settings, &common)).await,
        _ => {
            wire::logs(&settings)?;
            wire::clock(&settings)?;
        }
    }
    let ok = Box::pin(serve(cli.command, settings, file)).await?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Is what the command says until it is told to stop; whether that went well.
async fn serve(
    command: Command,
    mut settings: Settings,
    file: Option<PathBuf>,
) -> Result<bool, Failure> {
    Ok(match command {
        Command::Dev(dev) => dev::run(dev, settings, file).await?,
        Command::All { .. } => {
            trials::allow(&mut settings, None)?;
            roles::all(settings, file).await?
        }
        Command::Gateway { .. } => {
            trials::allow(&mut settings, None)?;
            let config = settings.gateway.clone();
            roles::one::<kintsugi_api_gateway::ApiGateway>("gateway", config, settings, file)
                .await?
        }
        Command::Orchestrator => {
            let config = settings.orchestrator.clone();
            roles::one::<kintsugi_orchestrator::Orchestrator>(
                "orchestrator",
                config,
                settings,
                file,
            )
            .await?
        }
        Command::Detector => {
            let config = settings.failure_detector.clone();
            roles::one::<kintsugi_failure_detector::FailureDetector>(
                "detector", config, settings, file,
            )
            .await?
        }
        Command::Retry => {
            let config = settings.retry_engine.clone();
            roles::one::<kintsugi_retry_engine::RetryEngine>("retry", config, settings, file)
                .await?
        }
        Command::Notifier => {
            let config = settings.notification.clone();
            roles::one::<kintsugi_notification::Notification>("notifier", config, settings, file)
                .await?
        }
        Command::Monitor => {
            let config = settings.monitoring.clone();
            roles::one::<kintsugi_monitoring::Monitoring>("monitor", config, settings, file).await?
        }
        Command::Worker { what: None, stop_with_stdin } => {
            roles::worker(settings, file, stop_with_stdin).await?
        }
        Command::Worker { what: Some(WorkerCommand::Exec(exec)), .. } => {
            tools::exec(exec, &settings).await?
        }
        Command::ChaosLedger(args) => chaos::ledger(args, &settings).await?,
        Command::Config
        | Command::Chaos { .. }
        | Command::Validate { .. }
        | Command::Graph { .. }
        | Command::Explain { .. }
        | Command::Health { .. } => true,
    })
}

/// The name under which a service is known to scripts.
pub(crate) fn role_of<S: Service>() -> &'static str {
    match S::NAME {
        "api-gateway" => "gateway",
        "failure-detector" => "detector",
        "retry-engine" => "retry",
        "notification" => "notifier",
        "monitoring" => "monitor",
        "task-worker" => "worker",
        other => other,
    }
}
