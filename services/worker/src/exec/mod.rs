//! Any program as a durable worker.
//!
//! Input on stdin, output on stdout, the exit code decides. See `docs/workers.md` for the contract.

mod outcome;
mod program;

use std::{ffi::OsString, path::PathBuf, sync::Arc};

use kintsugi_nats::Options;
use serde_json::Value;

use crate::{Context, Error, Settings, Worker};
use program::Program;

/// What `kintsugi worker exec` is told.
#[derive(Clone, Debug)]
pub struct ExecOptions {
    /// How to reach the bus.
    pub nats: Options,
    /// The task type to serve.
    pub task_type: String,
    /// The queue that tasks are taken from.
    pub queue: String,
    /// How many programs run at the same time at most.
    pub concurrency: usize,
    /// Names of environment variables that the program gets besides `PATH`, `HOME` and `LANG`.
    pub env: Vec<String>,
    /// The program and its arguments.
    pub program: Vec<String>,
}

/// Serves a task type with a program until SIGINT or SIGTERM.
///
/// # Errors
///
/// When the program is not there, a setting makes no sense, or the bus cannot be reached.
pub async fn run(options: ExecOptions) -> Result<(), Error> {
    worker(options).await?.run().await
}

/// The worker that [`run`] runs.
///
/// # Errors
///
/// When the program is not there, a setting makes no sense, or the bus cannot be reached.
pub async fn worker(options: ExecOptions) -> Result<Worker, Error> {
    let mut command = options.program.into_iter();
    let name = command.next().unwrap_or_default();
    let path = find(&name).ok_or(Error::NoProgram(name))?;
    let settings =
        Settings { queue: options.queue, concurrency: options.concurrency, ..Settings::default() };
    let program = Arc::new(Program {
        path,
        arguments: command.collect(),
        env: inherited(&options.env),
        output_max: settings.output_max.max(settings.payload_max),
    });
    let worker = Worker::connect_with(options.nats).await?.settings(settings);
    Ok(worker.task(&options.task_type, move |context: Context, input: Value| {
        let program = Arc::clone(&program);
        async move { program.execute(&context, &input).await }
    }))
}

/// The part of this process's environment that a program may see. It must not see the worker's own
/// secrets, so all but a few harmless names have to be asked for.
fn inherited(names: &[String]) -> Vec<(OsString, OsString)> {
    let always = ["PATH", "HOME", "LANG"];
    std::env::vars_os()
        .filter(|(name, _)| {
            always.iter().any(|one| name == one) || names.iter().any(|one| name == one.as_str())
        })
        .collect()
}

/// Looks a program up as a shell does, once: a relative path must not change its meaning later.
fn find(name: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if name.is_empty() {
        return None;
    }
    let path = PathBuf::from(name);
    if path.components().count() > 1 {
        return path.canonicalize().ok().filter(is_program);
    }
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join(&path)).find(is_program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_the_path_only_if_it_can_be_executed() {
        assert!(find("sh").is_some());
        assert!(find("/bin/sh").is_some());
        assert!(find("no-such-program").is_none());
        assert!(find(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).is_none());
        assert!(find("").is_none());
    }

    #[test]
    fn the_environment_is_clean_but_for_what_was_asked_for() {
        let names: Vec<_> = inherited(&[]).into_iter().map(|(name, _)| name).collect();
        assert!(names.iter().any(|name| name == "PATH"));
        assert!(names.iter().all(|name| name == "PATH" || name == "HOME" || name == "LANG"));
    }
}
