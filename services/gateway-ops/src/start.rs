//! Starting runs: what a request says becomes a row, and the batcher brings it in.

use std::time::Duration;

use kintsugi_core::{DefinitionRef, RunId, RunState, partition_of};
use kintsugi_entities::{Created, NewRun};
use kintsugi_observability::{TraceParent, trace_id};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    app::App,
    ask::{no_run, time},
    problem::Problem,
    runs::LOOK_AGAIN,
    types::{RunResult, RunStatus, StartRequest, Started},
};

/// Characters of an idempotency key at most.
const KEY_MAX: usize = 255;

/// A start that was asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Of what; the version may be `latest`.
    pub definition: DefinitionRef,
    /// With what.
    pub input: Value,
    /// Under which id, if the caller says so.
    pub id: Option<RunId>,
    /// The caller's idempotency key.
    pub key: Option<String>,
    /// The caller's place in a trace.
    pub trace_parent: Option<String>,
}

impl Wanted {
    /// Reads a request of the HTTP API.
    ///
    /// # Errors
    ///
    /// 400 for a malformed key, 422 for a malformed id or reference.
    pub fn from_request(
        request: StartRequest,
        key: Option<String>,
        trace_parent: Option<String>,
    ) -> Result<Self, Problem> {
        let StartRequest { definition, input, id } = request;
        Ok(Self {
            definition: DefinitionRef::parse(&definition)?,
            input,
            id: id.as_deref().map(RunId::parse).transpose()?,
            key: key.map(checked_key).transpose()?,
            trace_parent,
        })
    }

    /// Makes the row for the run of `definition`, which is `self.definition` resolved; under `own_id`
    /// where the caller says none.
    ///
    /// # Errors
    ///
    /// 413 when the input is too large, 422 when it nests too deep.
    pub fn into_row(
        self,
        app: &App,
        definition: &DefinitionRef,
        own_id: RunId,
    ) -> Result<NewRun, Problem> {
        let now = kintsugi_runtime::now();
        let input = self.input.to_string();
        let limit = app.config.input_bytes_max;
        if input.len() > limit {
            return Err(Problem::too_large("the input", limit));
        }
        crate::ask::shallow(&self.input)?;
        let request_digest = self.digest(&input);
        let id = self.id.unwrap_or(own_id);
        let state = serde_json::to_vec(&RunState::new(self.input, now));
        Ok(NewRun {
            definition: definition.to_string(),
            partition: partition_of(&id, app.partitions),
            id,
            state: state.map_err(|_| Problem::internal())?,
            created_at: now.0,
            parent: None,
            start_key: self.key,
            request_digest,
            // A malformed one must be taken as if there was none (W3C Trace Context, 3.2).
            trace_parent: self.trace_parent.filter(|text| TraceParent::parse(text).is_some()),
        })
    }

    /// Tells a repeat of the request from another one with the same id or key. It rests on the
    /// reference as it was written: a repeat of a start of `latest` stays one after a new version
    /// is registered.
    fn digest(&self, input: &str) -> String {
        let mut hash = Sha256::new();
        let id = self.id.as_ref().map_or("", RunId::as_str);
        for part in [self.definition.to_string().as_str(), id, input] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        format!("{:x}", hash.finalize())
    }
}

/// Starts a run; whether it is new. Returns when it is in the database.
///
/// # Errors
///
/// 404 for an unknown definition, 409 when the id or the key belongs to another request, 413, 422
/// when it refers to a payload that is not there, 503.
pub async fn start(app: &App, wanted: Wanted) -> Result<(Started, bool), Problem> {
    start_as(app, wanted, new_id()).await
}

/// Starts a run and waits for up to `wait` for its end.
///
/// # Errors
///
/// As [`start`].
pub async fn run(app: &App, wanted: Wanted, wait: Duration) -> Result<RunResult, Problem> {
    let own_id = new_id();
    let id = wanted.id.clone().unwrap_or_else(|| own_id.clone());
    // Watched before it is there: who is told of its end need not look before that whether it has ended.
    let watch = app.ends.watch(&id).await;
    let end = watch.next();
    let until = Instant::now() + wait.min(app.config.wait_max);
    let (started, is_new) = start_as(app, wanted, own_id).await?;
    if is_new && !wait.is_zero() {
        tokio::select! {
            () = end => {}
            () = tokio::time::sleep_until(until.min(Instant::now() + LOOK_AGAIN)) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
    let left = until.saturating_duration_since(Instant::now());
    Ok(crate::runs::result(app, &crate::ask::run_id(&started.id)?, left).await?.0)
}

async fn start_as(app: &App, wanted: Wanted, own_id: RunId) -> Result<(Started, bool), Problem> {
    let definition = app.definition(&wanted.definition).await?;
    let (has_key, is_own_id) = (wanted.key.is_some(), wanted.id.is_none());
    let row = wanted.into_row(app, &definition, own_id)?;
    crate::payloads::known(app, &row.state).await?;
    let started = Started {
        id: row.id.to_string(),
        definition: row.definition.clone(),
        status: RunStatus::Pending,
        created_at: time(row.created_at),
        trace_id: trace_id(&row.id, row.trace_parent.as_deref()).to_string(),
    };
    let id = row.id.clone();
    match app.starts.create(row, is_own_id).await? {
        Created::New => Ok((started, true)),
        Created::Exists { id: other, same: true } => Ok((repeated(app, &other).await?, false)),
        Created::Exists { id: other, same: false } if has_key && other != id => {
            let title = "the idempotency key was used for another request";
            let problem = Problem::conflict("idempotency_key_reused", title);
            Err(problem.detail(format!("it started the run {other}")))
        }
        Created::Exists { id, same: false } => {
            let title = format!("the run id {id} is taken by another request");
            Err(Problem::conflict("run_exists", title))
        }
    }
}

async fn repeated(app: &App, id: &RunId) -> Result<Started, Problem> {
    let row = app.store.run_get(id).await.map_err(|e| app.store_problem(e))?;
    let row = row.ok_or_else(|| no_run(id.as_str()))?;
    Ok(Started {
        id: row.id.to_string(),
        definition: row.definition,
        status: row.status.into(),
        created_at: time(row.created_at),
        trace_id: trace_id(&row.id, row.trace_parent.as_deref()).to_string(),
    })
}

/// A new run id: a UUID of version 7, so that ids sort by time.
fn new_id() -> RunId {
    let text = Uuid::now_v7().hyphenated().to_string();
    RunId::parse(&text).expect("a UUID has 36 characters of 0-9, a-f and -")
}

/// The id of a run that was published under `message_id` for a definition: the same message gives
/// the same run, however often it is delivered.
pub fn derived_id(definition: &DefinitionRef, message_id: &str) -> RunId {
    let mut hash = Sha256::new();
    for part in ["intake", &definition.namespace, &definition.name, message_id] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let text: String = format!("m-{:x}", hash.finalize()).chars().take(34).collect();
    RunId::parse(&text).expect("hexadecimal digits after `m-`")
}

/// An idempotency key, if it is one.
///
/// # Errors
///
/// 400 when it is empty, too long, or has characters that do not print.
pub fn checked_key(key: String) -> Result<String, Problem> {
    let fits = (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|b| (0x20..0x7f).contains(&b));
    if fits && !key.trim().is_empty() {
        return Ok(key);
    }
    let title = format!("the idempotency key must be 1 to {KEY_MAX} printable ASCII characters");
    Err(Problem::bad_request("invalid_idempotency_key", title))
}
