//! `kintsugi explain`: why something does not move, asked over NATS.

use std::{fmt::Write as _, io::Write, process::ExitCode, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Failure, settings::Settings, wire};

/// How long the gateway may take to answer: it looks twice at what seems lost.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// What `kintsugi explain` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    #[command(subcommand)]
    what: What,
    /// Print the answer as JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// A run.
    Run {
        /// Its id.
        id: String,
    },
    /// A task of a run.
    Task {
        /// The run's id and the task's number.
        #[arg(value_name = "RUN/TASK")]
        task: String,
    },
    /// A queue, with all task types or one.
    Queue {
        /// The queue, and perhaps a task type.
        #[arg(value_name = "NAME[/TYPE]")]
        queue: String,
    },
    /// A worker.
    Worker {
        /// Its name.
        id: String,
    },
    /// A schedule.
    Schedule {
        /// Its namespace and name.
        #[arg(value_name = "NAMESPACE/NAME")]
        schedule: String,
    },
}

impl What {
    /// As the gateway is asked.
    fn payload(&self) -> Value {
        match self {
            Self::Run { id } => json!({ "run": id }),
            Self::Task { task } => {
                let task = match task.rsplit_once('/') {
                    Some((run, number)) => format!("{run}:{number}"),
                    None => task.clone(),
                };
                json!({ "task": task })
            }
            Self::Queue { queue } => match queue.split_once('/') {
                Some((queue, kind)) => json!({ "queue": queue, "type": kind }),
                None => json!({ "queue": queue }),
            },
            Self::Worker { id } => json!({ "worker": id }),
            Self::Schedule { schedule } => json!({ "schedule": schedule }),
        }
    }
}

/// What of an answer is printed.
#[derive(Debug, Deserialize)]
struct Told {
    summary: String,
    causes: Vec<Cause>,
    others: Vec<Line>,
    more: u64,
}

#[derive(Debug, Deserialize)]
struct Line {
    subject: Subject,
    state: String,
    causes: Vec<Cause>,
}

#[derive(Debug, Deserialize)]
struct Subject {
    kind: String,
    id: String,
}

#[derive(Debug, Deserialize)]
struct Cause {
    code: String,
    what: String,
    since: Option<String>,
    unblocked_by: Option<String>,
    next: Option<Next>,
}

#[derive(Debug, Deserialize)]
struct Next {
    what: String,
    at: Option<String>,
}

/// Asks, and prints the answer. Exits with 1 where there is no such thing or nobody answers.
pub(crate) async fn explain(args: Explain, settings: &Settings) -> Result<ExitCode, Failure> {
    let bus = wire::bus(settings, "kintsugi-explain").await?;
    let payload = args.what.payload().to_string().into_bytes();
    let answer = match bus.request("kintsugi.api.explain", payload, ANSWER_MAX).await {
        Ok(answer) => answer,
        Err(kintsugi_nats::Error::Api { body, .. }) => return Err(refusal(&body)),
        Err(kintsugi_nats::Error::NoResponders { .. }) => {
            return Err(Failure::plain(
                "no gateway answers on this broker: nothing that is asked of the engine is done \
                 until one is started (`kintsugi gateway`)",
            ));
        }
        Err(error) => return Err(Failure::because("cannot ask the gateway", error)),
    };
    let unreadable = |error| Failure::because("cannot read the answer", error);
    let text = if args.json {
        let answer: Value = serde_json::from_slice(&answer).map_err(unreadable)?;
        serde_json::to_string_pretty(&answer).map_err(unreadable)? + "\n"
    } else {
        shown(&serde_json::from_slice(&answer).map_err(unreadable)?)
    };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        printed => printed.map_err(|error| Failure::because("cannot print", error))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A problem, in one line.
fn refusal(body: &[u8]) -> Failure {
    #[derive(Deserialize)]
    struct Problem {
        title: String,
        detail: Option<String>,
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(Problem { title, detail: Some(detail) }) => Failure::plain(format!("{title}: {detail}")),
        Ok(Problem { title, detail: None }) => Failure::plain(title),
        Err(_) => Failure::plain("the gateway refused the question"),
    }
}

/// The answer as text.
fn shown(told: &Told) -> String {
    let mut text = format!("{}\n", told.summary);
    causes(&mut text, &told.causes);
    for line in &told.others {
        let _ = write!(text, "\n{} {}: {}\n", line.subject.kind, line.subject.id, line.state);
        causes(&mut text, &line.causes);
    }
    if told.more > 0 {
        let _ = write!(text, "\nand {} more that were not looked at\n", told.more);
    }
    text
}

fn causes(text: &mut String, causes: &[Cause]) {
    for (index, cause) in causes.iter().enumerate() {
        let _ = write!(text, "\n{:>3}. {} [{}]\n", index + 1, cause.what, cause.code);
        let mut row = |name: &str, value: &str| {
            let _ = writeln!(text, "     {name:<12} {value}");
        };
        if let Some(since) = &cause.since {
            row("since", since);
        }
        if let Some(by) = &cause.unblocked_by {
            row("unblocked by", by);
        }
        match &cause.next {
            Some(Next { what, at: Some(at) }) => row("next", &format!("{what}, by {at}")),
            Some(Next { what, at: None }) => row("next", what),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_slash_are_taken_apart() {
        let task = |task: &str| What::Task { task: task.to_owned() }.payload();
        assert_eq!(task("r-1/3"), json!({ "task": "r-1:3" }));
        assert_eq!(task("r-1:3"), json!({ "task": "r-1:3" }));
        let queue = |queue: &str| What::Queue { queue: queue.to_owned() }.payload();
        assert_eq!(queue("default"), json!({ "queue": "default" }));
        assert_eq!(queue("default/pay"), json!({ "queue": "default", "type": "pay" }));
    }

    #[test]
    fn an_answer_is_shown_line_by_line() {
        let told = json!({
            "subject": { "kind": "run", "id": "r" }, "state": "stuck", "summary": "run r stands still",
            "at": "1970-01-01T00:00:00.000Z", "more": 2,
            "causes": [{ "code": "no-worker", "what": "no worker", "since": "1970-01-01T00:00:00.000Z",
                "unblocked_by": "a worker", "next": { "what": "it goes on" } }],
            "others": [{ "subject": { "kind": "task", "id": "r:2" }, "state": "waiting", "causes": [
                { "code": "wait-timer", "what": "a wait", "next": { "what": "goes on", "at": "later" } }] }],
        });
        let text = shown(&serde_json::from_value(told).unwrap());
        let expected = "run r stands still\n\n  1. no worker [no-worker]\n     \
            since        1970-01-01T00:00:00.000Z\n     unblocked by a worker\n     \
            next         it goes on\n\ntask r:2: waiting\n\n  1. a wait [wait-timer]\n     \
            next         goes on, by later\n\nand 2 more that were not looked at\n";
        assert_eq!(text, expected);
    }
}
