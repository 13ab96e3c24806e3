//! Trials, whichever door they were asked for at: an engine of its own is put under load and broken.
//!
//! What is asked is checked by the rules of the command line, which stand in `kintsugi_chaos`; then that command line
//! is started as a process of its own, one at a time. It kills processes, so it is never done in this one. It is
//! given no setting, database or secret of this engine, and no path, program or address that a caller named.
//!
//! A trial ends when its input ends, which it does however the gateway ends. Each has a file, so that the next gateway
//! knows of it.

#![expect(
    clippy::result_large_err,
    reason = "a problem is made once a failed request and moved a few times; a box would show everywhere"
)]

mod asked;
mod begin;
mod child;
mod files;
mod report;
mod running;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kintsugi_entities::Page;
use kintsugi_gateway_ops::{
    App, ChaosConfig, Problem,
    types::{ChaosRequest, ChaosTrial, ChaosTrialPage},
};
use kintsugi_runtime::Shutdown;
use tokio::{task::spawn_blocking, time::timeout};

use crate::{child::STOP_MAX, files::Folder, running::Running};

/// The trials of a gateway.
pub struct Chaos {
    /// None: it is off.
    config: Option<ChaosConfig>,
    /// Fires when the gateway stops; so does a trial then.
    shutdown: Shutdown,
    /// What runs. Whoever changes what is in the folder holds it.
    running: Mutex<Option<Arc<Running>>>,
}

impl Chaos {
    /// None without settings: then every request is refused.
    #[must_use]
    pub fn new(config: Option<ChaosConfig>, shutdown: Shutdown) -> Arc<Self> {
        Arc::new(Self { config, shutdown, running: Mutex::default() })
    }

    /// Whether trials may be asked for.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.config.is_some()
    }

    /// Starts a trial.
    ///
    /// # Errors
    ///
    /// 403 when it is off, 404 for a definition that is not there, 409 while another one runs, 422, 503.
    pub async fn start(
        self: &Arc<Self>,
        app: &App,
        request: ChaosRequest,
    ) -> Result<ChaosTrial, Problem> {
        let asked = asked::check(&request, self.config()?.for_max)?;
        let documents = asked::documents(app, &asked.definitions).await?;
        let chaos = Arc::clone(self);
        let begun = spawn_blocking(move || begin::begin(&chaos, &asked, &documents));
        begun.await.map_err(|_| Problem::internal())?
    }

    /// A page of trials, newest first. The last hundred that are over are remembered.
    ///
    /// # Errors
    ///
    /// 400 for a foreign cursor, 403, 503.
    pub async fn list(self: &Arc<Self>, page: Page) -> Result<ChaosTrialPage, Problem> {
        self.look(move |chaos, folder| chaos.page(folder, &page)).await
    }

    /// A trial.
    ///
    /// # Errors
    ///
    /// 403, 404, 503.
    pub async fn get(self: &Arc<Self>, id: &str) -> Result<ChaosTrial, Problem> {
        let id = id.to_owned();
        self.look(move |chaos, folder| match chaos.found(folder, &id)? {
            Some(trial) => Ok(trial),
            None => {
                let shown: String = id.chars().take(80).collect();
                let title = format!("there is no trial {shown}");
                Err(Problem::not_found("trial_not_found", title))
            }
        })
        .await
    }

    /// Stops a trial, and waits until it, its processes and its folder are gone. What is over stays as it is.
    ///
    /// # Errors
    ///
    /// 403, 404, 503.
    pub async fn stop(self: &Arc<Self>, id: &str) -> Result<ChaosTrial, Problem> {
        self.config()?;
        let running = self.running().clone().filter(|one| one.id() == id);
        if let Some(one) = running {
            one.stop.cancel();
            // What comes of it is read below, in time or not.
            let _in_time = timeout(STOP_MAX, one.over.cancelled()).await;
        }
        self.get(id).await
    }

    /// Waits until nothing runs any more; for a gateway that stops.
    pub async fn ended(&self) {
        let running = self.running().clone();
        if let Some(one) = running {
            let _in_time = timeout(STOP_MAX, one.over.cancelled()).await;
        }
    }

    fn config(&self) -> Result<&ChaosConfig, Problem> {
        self.config.as_ref().ok_or_else(|| {
            let problem = Problem::forbidden("chaos_off", "trials are off at this gateway");
            problem.detail("chaos.enabled = true in its settings turns them on")
        })
    }

    fn running(&self) -> MutexGuard<'_, Option<Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks into the folder, on a thread that may wait for the disk.
    async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        what: impl FnOnce(&Self, &Folder) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let folder = Folder::new(&self.config()?.folder);
        let chaos = Arc::clone(self);
        let looked = spawn_blocking(move || what(&chaos, &folder));
        looked.await.map_err(|_| Problem::internal())?
    }

    fn page(&self, folder: &Folder, page: &Page) -> Result<ChaosTrialPage, Problem> {
        let mut ids = folder.ids().map_err(|error| unusable(&error))?;
        if let Some(cursor) = &page.cursor {
            if !files::is_id(cursor) {
                return Err(Problem::bad_request(
                    "invalid_parameter",
                    "`cursor` is of no page here",
                ));
            }
            ids.retain(|id| id < cursor);
        }
        let most = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let next = if ids.len() > most { ids.get(most - 1).cloned() } else { None };
        ids.truncate(most);
        let mut items = Vec::new();
        for id in ids {
            // One that was put aside meanwhile is not there.
            items.extend(self.found(folder, &id)?);
        }
        items.iter_mut().for_each(|trial| trial.said = None);
        Ok(ChaosTrialPage { items, next })
    }

    /// A trial as it is now.
    fn found(&self, folder: &Folder, id: &str) -> Result<Option<ChaosTrial>, Problem> {
        let running = self.running();
        if let Some(one) = running.as_ref().filter(|one| one.id() == id) {
            return Ok(Some(one.now()));
        }
        let read = || folder.read(id).map_err(|error| unusable(&error));
        match read()? {
            // Whoever started it is gone, or is another gateway, which holds the lock.
            Some(trial) if trial.status == running::RUNNING && running.is_none() => {
                if let Some(lock) = folder.lock().map_err(|error| unusable(&error))? {
                    folder.mend(&lock).map_err(|error| unusable(&error))?;
                }
                read()
            }
            other => Ok(other),
        }
    }
}

/// What a client is told when the folder cannot be used.
fn unusable(error: &std::io::Error) -> Problem {
    tracing::error!(error = error as &dyn std::error::Error, "the folder of trials cannot be used");
    Problem::unavailable("chaos_unavailable", "the folder of trials cannot be used")
}
