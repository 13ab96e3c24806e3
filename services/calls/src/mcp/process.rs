//! The transport "stdio": a process, and a message a line.

use kintsugi_processes::{Conversation, Processes, Program};
use kintsugi_worker::Failure;
use serde_json::Value;

use super::{
    Arguments, Stdio, converse,
    rpc::{self, Said},
};
use crate::{Attempt, http};

/// A server that was started.
struct Wire(Conversation);

/// Starts the server, asks it, and ends it.
pub(super) async fn call(
    attempt: &Attempt<'_>,
    stdio: &Stdio,
    arguments: &Arguments,
    processes: Option<&Processes>,
) -> Result<Value, Failure> {
    let Some(processes) = processes else {
        let message = "`call: mcp` with `stdio` is not allowed on this worker: \
                       `processes.allow` has no `mcp_stdio`";
        return Err(Failure::fatal(message).kind("authorization").status(403));
    };
    let mut program = Program { command: stdio.command.clone(), ..Program::default() };
    for argument in &stdio.arguments {
        program.arguments.push(http::text("an argument", argument)?);
    }
    for (name, value) in &stdio.environment {
        program.environment.insert(name.clone(), http::text(name, value)?);
    }
    let talk = processes.talk(attempt.context, program)?;
    talk.hold(|conversation| async move { converse(&mut Wire(conversation), arguments).await })
        .await
}

impl super::Wire for Wire {
    async fn ask(&mut self, request: &Value) -> Result<Value, Failure> {
        self.tell(request).await?;
        loop {
            let line = self.0.line().await?;
            // A server that writes something else there is not stopped for it.
            let Ok(message) = serde_json::from_slice(&line) else { continue };
            for said in rpc::said(message, request) {
                match said {
                    Said::Answer(answer) => return Ok(answer),
                    Said::Request(answer) => self.tell(&answer).await?,
                    Said::Nothing => {}
                }
            }
        }
    }

    async fn tell(&mut self, message: &Value) -> Result<(), Failure> {
        self.0.say(&message.to_string()).await
    }

    fn agreed(&mut self, _: String) {}
}
