//! `kintsugi validate` and `graph`: what is wrong with definitions, for people and for programs, and
//! how they look.

mod graph;
mod print;

use std::{
    collections::BTreeSet,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use kintsugi_core::Ability;
use kintsugi_definition::{Compiled, Problem, Problems, Resources, Settings};
use kintsugi_egress::{Allow, Fetcher, Rules};
use serde::Serialize;

pub(crate) use self::graph::{Draw, draw};
use crate::Failure;

/// The largest definition file that is read, in bytes: more than any gateway accepts.
const FILE_MAX: u64 = 16 * 1024 * 1024;

/// Exit code where a definition is not accepted.
const REFUSED: u8 = 1;

/// Exit code where a file could not be looked at.
const UNREADABLE: u8 = 2;

/// What `kintsugi validate` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Validate {
    /// YAML or JSON.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
    /// Fail where there is a warning, too.
    #[arg(long)]
    deny_warnings: bool,
    /// Say what another runtime of the language would not do.
    #[arg(long)]
    portability: bool,
}

/// What was found in one file.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    file: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    portability: Vec<Problem>,
    #[serde(skip)]
    source: String,
}

/// Checks every file under what the deployment allows, and prints what was found.
pub(crate) async fn validate(
    args: Validate,
    abilities: &BTreeSet<Ability>,
) -> Result<ExitCode, Failure> {
    let (mut reports, mut code) = (Vec::new(), 0);
    for file in &args.files {
        match look(file, abilities).await {
            Ok((source, compiled)) => reports.push(report(file, &source, compiled)),
            Err(failure) => {
                failure.print();
                code = UNREADABLE;
            }
        }
    }
    let refused = |one: &Report| !one.valid || (args.deny_warnings && !one.warnings.is_empty());
    if code == 0 && reports.iter().any(refused) {
        code = REFUSED;
    }
    let printed = match args.json {
        true => json(&reports),
        false => print::all(&mut anstream::stdout().lock(), &reports, args.portability),
    };
    match printed {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        printed => printed.map_err(|error| Failure::because("cannot print", error))?,
    }
    Ok(ExitCode::from(code))
}

fn json(reports: &[Report]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &serde_json::json!({ "files": reports }))?;
    writeln!(out)
}

/// Reads and compiles a file, and gets what it refers to.
async fn look(
    file: &Path,
    abilities: &BTreeSet<Ability>,
) -> Result<(Vec<u8>, Result<Compiled, Problems>), Failure> {
    let cannot = |error| Failure::because(&format!("cannot read {}", file.display()), error);
    if std::fs::metadata(file).map_err(cannot)?.len() > FILE_MAX {
        return Err(Failure::plain(format!("{} is larger than {FILE_MAX} bytes", file.display())));
    }
    let source = std::fs::read(file).map_err(cannot)?;
    // Whoever calls this owns the machine.
    let rules = Rules { allow: Allow::Any, files: true, ..Rules::default() };
    let failed = |error| Failure::because("cannot check the definition", error);
    let fetcher = Fetcher::new(rules).map_err(failed)?;
    let mut settings = Settings::default();
    settings.limits.abilities = abilities.clone();
    fetcher.compile(source, settings, Resources::default()).await.map_err(failed)
}

fn report(file: &Path, source: &[u8], compiled: Result<Compiled, Problems>) -> Report {
    let (file, source) = (file.display().to_string(), String::from_utf8_lossy(source).into_owned());
    match compiled {
        Ok(compiled) => Report {
            file,
            valid: true,
            definition: Some(compiled.program.definition.to_string()),
            digest: Some(compiled.digest),
            problems: Vec::new(),
            warnings: compiled.warnings,
            portability: compiled.portability,
            source,
        },
        Err(problems) => Report {
            file,
            valid: false,
            definition: None,
            digest: None,
            problems: problems.0,
            warnings: Vec::new(),
            portability: Vec::new(),
            source,
        },
    }
}
