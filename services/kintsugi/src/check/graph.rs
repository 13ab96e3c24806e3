//! `kintsugi graph`: a definition as a drawing.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use kintsugi_core::Ability;
use kintsugi_graph::Form;

use super::{REFUSED, UNREADABLE, look, print, report};
use crate::Failure;

/// What `kintsugi graph` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Draw {
    /// YAML or JSON.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The form of the drawing.
    #[arg(long = "as", value_name = "FORM", default_value = "text", value_parser = form)]
    form: Form,
    /// Where it is written; without it, to stdout.
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
}

fn form(name: &str) -> Result<Form, String> {
    let names = Form::ALL.map(Form::name).join(", ");
    Form::parse(name).ok_or_else(|| format!("a drawing is one of {names}"))
}

/// Draws a definition, or prints what is wrong with it.
pub(crate) async fn draw(args: Draw, abilities: &BTreeSet<Ability>) -> Result<ExitCode, Failure> {
    let (source, compiled) = match look(&args.file, abilities).await {
        Ok(found) => found,
        Err(failure) => {
            failure.print();
            return Ok(ExitCode::from(UNREADABLE));
        }
    };
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err(problems) => {
            let reports = [report(&args.file, &source, Err(problems))];
            print::all(&mut anstream::stderr().lock(), &reports, false)
                .map_err(|error| Failure::because("cannot print", error))?;
            return Ok(ExitCode::from(REFUSED));
        }
    };
    let drawing = match kintsugi_graph::draw(&compiled.program, args.form) {
        Ok(drawing) => drawing,
        Err(error) => {
            Failure::plain(format!("{error}; {}", error.hint())).print();
            return Ok(ExitCode::from(REFUSED));
        }
    };
    match args.output {
        Some(path) => std::fs::write(&path, drawing).map_err(|error| {
            Failure::because(&format!("cannot write {}", path.display()), error)
        })?,
        None => match std::io::stdout().lock().write_all(drawing.as_bytes()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written.map_err(|error| Failure::because("cannot print", error))?,
        },
    }
    Ok(ExitCode::SUCCESS)
}
