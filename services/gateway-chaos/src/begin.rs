//! A trial, from what was asked to what is kept of it.

use std::{fs, sync::Arc};

use kintsugi_gateway_ops::{Problem, types::ChaosTrial};
use kintsugi_runtime::now;
use tokio::{process::Child, task::spawn_blocking};
use tracing::{error, info};
use uuid::Uuid;

use crate::{
    Chaos,
    asked::{Asked, Document},
    child,
    files::{Folder, Lock},
    running::{RUNNING, Running},
    unusable,
};

/// Starts a trial, unless one runs. It waits for the disk, so it has a thread of its own.
pub(crate) fn begin(
    chaos: &Arc<Chaos>,
    asked: &Asked,
    documents: &[Document],
) -> Result<ChaosTrial, Problem> {
    let config = chaos.config()?;
    let mut running = chaos.running();
    if let Some(one) = running.as_ref() {
        return Err(busy(&format!("the trial {} runs", one.id())));
    }
    let folder = Folder::new(&config.folder);
    let Some(lock) = folder.lock().map_err(|error| unusable(&error))? else {
        return Err(busy("a trial of another gateway with the same folder runs"));
    };
    folder.mend(&lock).map_err(|error| unusable(&error))?;
    let trial = trial(asked, documents);
    let started = folder.write(&lock, &trial).and_then(|()| {
        let workflows = folder.begin(&lock, &trial.id, documents)?;
        child::start(config, asked, &folder.report(&trial.id), workflows.as_deref())
    });
    let child = started.map_err(|error| {
        error!(error = &error as &dyn std::error::Error, "a trial was not started");
        // What cannot be removed is mended by the next one.
        let _mended_later = folder.forget(&lock, &trial.id);
        Problem::unavailable("chaos_unavailable", "the trial cannot be started")
    })?;
    info!(trial = trial.id, pid = child.id(), "trial started");
    let one = Arc::new(Running::new(trial.clone()));
    *running = Some(Arc::clone(&one));
    let longest = child::longest(asked.lasts);
    tokio::spawn(attend(Arc::clone(chaos), one, child, (folder, lock), longest));
    Ok(trial)
}

/// Is there until a trial has ended, and keeps what came of it.
async fn attend(
    chaos: Arc<Chaos>,
    one: Arc<Running>,
    child: Child,
    (folder, lock): (Folder, Lock),
    longest: std::time::Duration,
) {
    let end = child::see_out(child, &one, &chaos.shutdown, longest).await;
    info!(trial = one.id(), ?end, "trial ended");
    let kept = Arc::clone(&one);
    let kept = spawn_blocking(move || {
        let report = fs::read(folder.report(kept.id())).ok();
        folder.write(&lock, &kept.ended(&end, report.as_deref()))?;
        folder.clear(&lock, kept.id())
        // The lock goes here: whoever reads that it is over need not ask who holds it.
    });
    match kept.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            error!(error = &error as &dyn std::error::Error, "a trial's end was not kept");
        }
        Err(error) => {
            error!(error = &error as &dyn std::error::Error, "a trial's end was not kept");
        }
    }
    *chaos.running() = None;
    one.over.cancel();
}

fn trial(asked: &Asked, documents: &[Document]) -> ChaosTrial {
    ChaosTrial {
        id: Uuid::now_v7().simple().to_string(),
        status: RUNNING.to_owned(),
        why: None,
        lasts: humantime::format_duration(asked.lasts).to_string(),
        seed: asked.seed,
        shape: asked.shape.name().to_owned(),
        faults: asked.kinds.iter().map(|kind| kind.name().to_owned()).collect(),
        rate: asked.rate,
        definitions: documents.iter().map(|document| document.reference.clone()).collect(),
        started_at: now().to_rfc3339(),
        ended_at: None,
        said: None,
        verdict: None,
    }
}

fn busy(which: &str) -> Problem {
    let problem = Problem::conflict("chaos_running", format!("{which}; there is one at a time"));
    problem.detail("wait for its end, or stop it with DELETE /v1/chaos/{id}")
}
