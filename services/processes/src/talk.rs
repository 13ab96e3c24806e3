//! A program that is talked to while it runs, a line at a time.

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kintsugi_worker::{Context, Failure};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    Group, Processes,
    launch::{Work, environment, not_started},
    memory,
};

/// How long a program may take to end after its input has ended, before it is told to.
const END: Duration = Duration::from_millis(500);

/// Bytes of stderr that stand in an error.
const SHOWN_MAX: usize = 2 << 10;

/// What is to be talked to.
#[derive(Debug, Default)]
pub struct Program {
    /// A path, or a name to be found in `PATH`.
    pub command: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, besides what every process finds there.
    pub environment: BTreeMap<String, String>,
}

/// A program that runs, to be talked to.
pub struct Talk<'t> {
    processes: &'t Processes,
    context: &'t Context,
    child: Child,
    group: Group,
    /// Where it works, until it has ended.
    _work: Work,
}

/// The two ends of a conversation.
pub struct Conversation {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Bytes that may still come.
    left: usize,
}

impl Processes {
    /// Starts a program.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn talk<'t>(&'t self, context: &'t Context, program: Program) -> Result<Talk<'t>, Failure> {
        let work = Work::new(&self.0.config)?;
        let refused = |error| not_started(program.command.as_ref(), &error);
        let group = Group::new().map_err(refused)?;
        let child = Command::new(&program.command)
            .args(&program.arguments)
            .env_clear()
            .envs(environment(context, work.path(), &program.environment))
            .current_dir(work.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(group.id())
            .kill_on_drop(true)
            .spawn()
            .map_err(refused)?;
        Ok(Talk { processes: self, context, child, group, _work: work })
    }
}

impl Talk<'_> {
    /// Talks to the program, and ends it. What it wrote to stderr stands in a failure.
    ///
    /// # Errors
    ///
    /// As `work` fails, or when the program exceeds a limit.
    pub async fn hold<F, Fut>(mut self, work: F) -> Result<Value, Failure>
    where
        F: FnOnce(Conversation) -> Fut,
        Fut: Future<Output = Result<Value, Failure>>,
    {
        let config = &self.processes.0.config;
        let (Some(input), Some(output)) = (self.child.stdin.take(), self.child.stdout.take())
        else {
            return Err(Failure::retryable("the process has no pipes"));
        };
        let written = Arc::<Mutex<Vec<u8>>>::default();
        if let Some(stderr) = self.child.stderr.take() {
            // Ends when the last process that could write there has.
            tokio::spawn(drain(stderr, Arc::clone(&written)));
        }
        let left = config.output_max;
        let conversation = Conversation { input, output: BufReader::new(output), left };
        let result = tokio::select! {
            result = work(conversation) => result,
            () = memory::exceeds(self.group.id(), config.memory_max) => {
                let most = config.memory_max;
                let message = format!("the process was killed: it held more than {most} bytes of memory");
                self.group.kill();
                Err(Failure::fatal(message))
            }
            () = tokio::time::sleep(config.time_max) => {
                let message = format!("the process took longer than {:?}", config.time_max);
                Err(Failure::retryable(message).kind("timeout").status(408))
            }
            () = self.context.cancelled() => Err(Failure::retryable("the attempt is no longer wanted")),
        };
        // Its input has ended: that is how it is asked to end.
        if tokio::time::timeout(END, self.child.wait()).await.is_err() {
            self.group.terminate();
            let _ = tokio::time::timeout(config.grace, self.child.wait()).await;
        }
        result.map_err(|failure| {
            let written = written.lock().unwrap_or_else(PoisonError::into_inner);
            let text = String::from_utf8_lossy(&written);
            match text.trim() {
                "" => failure,
                said => {
                    let message = format!("{}; it wrote: {said}", failure.message());
                    failure.with_message(message)
                }
            }
        })
    }
}

/// Keeps the beginning of what is written, and reads the rest, so that no writer waits.
async fn drain(mut pipe: impl AsyncRead + Unpin, written: Arc<Mutex<Vec<u8>>>) {
    let mut bytes = [0; 1 << 12];
    while let Ok(count @ 1..) = pipe.read(&mut bytes).await {
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        let room = SHOWN_MAX.saturating_sub(written.len()).min(count);
        written.extend_from_slice(&bytes[..room]);
    }
}

impl Conversation {
    /// Says one line.
    ///
    /// # Errors
    ///
    /// When the program does not listen any more.
    pub async fn say(&mut self, line: &str) -> Result<(), Failure> {
        let said = async {
            self.input.write_all(line.as_bytes()).await?;
            self.input.write_all(b"\n").await?;
            self.input.flush().await
        };
        said.await.map_err(|_| Failure::retryable("the process ended before it was asked"))
    }

    /// The next line that it says.
    ///
    /// # Errors
    ///
    /// When it says no more, or says too much.
    pub async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        let mut line = Vec::new();
        let mut limited = (&mut self.output).take(self.left as u64 + 1);
        limited.read_until(b'\n', &mut line).await.map_err(Failure::from)?;
        if line.is_empty() {
            return Err(Failure::retryable("the process ended before it answered"));
        }
        match self.left.checked_sub(line.len()) {
            Some(left) => self.left = left,
            None => {
                let message = "the process wrote more than `worker.processes.output_max` bytes";
                return Err(Failure::fatal(message));
            }
        }
        Ok(line)
    }
}
