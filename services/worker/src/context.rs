//! What a handler knows about the attempt that it executes.

use std::{
    fmt,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Calling, Failure, Reference, attempt::Attempt, output, payloads::Payloads};

/// Bytes of a progress report as JSON; it travels in every heartbeat.
const PROGRESS_MAX: usize = 4 << 10;

/// What a handler knows about the attempt that it executes. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Attempt>, Arc<Payloads>);

impl Context {
    pub(crate) fn new(attempt: Arc<Attempt>, payloads: Arc<Payloads>) -> Self {
        Self(attempt, payloads)
    }

    /// The task, as `run:number`.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.0.message.task
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &str {
        self.0.message.run.as_str()
    }

    /// The fencing token: it grows with each attempt of the task. Hand it to a system that refuses
    /// older tokens, and an attempt that was thought dead cannot overwrite a newer one.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.0.message.epoch
    }

    /// The number of the attempt, from 1. The same number as the epoch.
    #[must_use]
    pub fn attempt(&self) -> u64 {
        self.0.message.attempt
    }

    /// How many attempts have failed before this one. An attempt that was lost with its worker is
    /// not among them.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.0.message.failures
    }

    /// The same in all attempts of the task: give it to whatever you call, so that a repeat does
    /// nothing twice.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        &self.0.message.idempotency_key
    }

    /// The workflow's definition, as `namespace/name:version`.
    #[must_use]
    pub fn definition(&self) -> &str {
        &self.0.message.definition
    }

    /// JSON pointer of the task in its definition.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.0.message.pointer
    }

    /// The task type.
    #[must_use]
    pub fn task_type(&self) -> &str {
        &self.0.message.task_type
    }

    /// Says that the attempt is about to call something, as `host:port`. How the call goes is to be said to
    /// what this gives; so the engine learns that a service is down, whoever calls it, and leaves it alone.
    /// Which has to be asked for by name: no call is made where this fails, and the failure is returned.
    ///
    /// # Errors
    ///
    /// A deferral, while `target` is left alone: it is down, overloaded, held by hand, or too much of what
    /// is called there are repeats. A fatal failure when `target` is no `host:port`.
    pub fn calling(&self, target: &str) -> Result<Calling, Failure> {
        Calling::begin(&self.0, target)
    }

    /// The content that a reference stands for. Inputs carry references, and nobody gets what is behind one
    /// unless asked. A worker remembers 64 MiB of what its tasks asked for, so many tasks with the same reference
    /// get it once.
    ///
    /// # Errors
    ///
    /// A fatal failure when there is no such payload or it is not what the reference says; a retryable one when no
    /// gateway answers for a minute.
    pub async fn payload(&self, reference: &Reference) -> Result<Bytes, Failure> {
        self.1.get(reference).await
    }

    /// The same, read as JSON.
    ///
    /// # Errors
    ///
    /// As [`Context::payload`], and a fatal failure when it is no JSON, or none of this form.
    pub async fn payload_json<T: DeserializeOwned>(
        &self,
        reference: &Reference,
    ) -> Result<T, Failure> {
        let content = self.payload(reference).await?;
        serde_json::from_slice(&content).map_err(|error| {
            let id = reference.id;
            Failure::fatal(format!("the payload {id} does not fit: {error}")).kind("validation")
        })
    }

    /// Puts content that an output is to refer to; returns when the database has it. The same content is stored
    /// once. (An output that is too long to travel is put by itself.)
    ///
    /// # Errors
    ///
    /// A fatal failure when it is larger than the gateways take; a retryable one when none answers for a minute.
    pub async fn put_payload(
        &self,
        content: impl Into<Bytes>,
        media_type: &str,
    ) -> Result<Reference, Failure> {
        self.1.put(content.into(), media_type).await
    }

    /// The trace context (W3C `traceparent`) of this attempt, to be sent on with calls.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.0.message.traceparent.as_deref()
    }

    /// The subject that results go to. The runtime reports by itself; this is for tests of the
    /// engine.
    #[must_use]
    pub fn reply(&self) -> &str {
        &self.0.message.reply
    }

    /// When this attempt must be done; the runtime ends it then.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.0.deadline
    }

    /// How long this attempt may still take.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.0.deadline.saturating_duration_since(Instant::now())
    }

    /// Says how far the attempt is. The newest word travels with the next heartbeat. An attempt with a
    /// lease (`metadata.kintsugi.lease`) must say something again before it has passed.
    ///
    /// # Errors
    ///
    /// A fatal failure when it cannot be written as JSON or is longer than 4 KiB.
    pub fn progress(&self, progress: impl Serialize) -> Result<(), Failure> {
        let progress = serde_json::to_value(progress)
            .map_err(|error| Failure::fatal(format!("progress is not JSON: {error}")))?;
        output::check(&progress, PROGRESS_MAX)
            .map_err(|failure| Failure::fatal(format!("progress: {failure}")))?;
        *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        *self.0.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
        Ok(())
    }

    /// Whether the worker does not reach the broker: another one may be at this task by now. The handler
    /// may go on, and its result counts unless one did; one that must not run beside another stops here.
    /// An attempt with a lease (`metadata.kintsugi.lease`) is stopped when that has passed, any other after
    /// 30 s.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        !self.0.link.cut_off_for().is_zero()
    }

    /// Waits until the attempt is no longer wanted: it was cancelled, took too long, the worker is
    /// cut off for longer than it may hold it, or is stopping. A handler that waits for this is given five seconds to clean up then; any other
    /// is dropped at once. Its result does not count any more.
    pub async fn cancelled(&self) {
        self.0.listens.store(true, Ordering::Release);
        self.0.stopped.cancelled().await;
    }

    /// Whether the attempt is no longer wanted. For handlers that block.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.stopped.is_cancelled()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("task", &self.task()).field("epoch", &self.epoch()).finish()
    }
}
