//! The worker, as its user builds and runs it.

use std::{thread, time::Duration};

use kintsugi_nats::{Bus, Options};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{runtime::Handle, sync::oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    Context, Error, Failure, Settings,
    engine::{self, Plan},
    handler::{Handler, erase, erase_blocking},
    settings::check_name,
};

/// A process's part in executing tasks: handlers by task type.
///
/// The worker has a thread of its own for everything but the handlers. So a handler that blocks
/// its runtime silences no heartbeat and holds up no result.
#[must_use = "a worker does nothing until it runs"]
pub struct Worker {
    settings: Settings,
    handlers: Vec<(String, Handler)>,
    begin: oneshot::Sender<(Plan, CancellationToken)>,
    ended: oneshot::Receiver<Result<(), Error>>,
}

impl Worker {
    /// Connects to the bus at `url`, for example `nats://127.0.0.1:4222`.
    ///
    /// # Errors
    ///
    /// When the bus cannot be reached.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let (url, name) = (url.to_owned(), "kintsugi-worker".to_owned());
        Self::connect_with(Options { url, name, ..Options::default() }).await
    }

    /// Connects to the bus with credentials and whatever else can be set.
    ///
    /// # Errors
    ///
    /// When the bus cannot be reached.
    pub async fn connect_with(options: Options) -> Result<Self, Error> {
        let connect = async move {
            let action = "connect to the bus";
            Bus::connect(&options).await.map_err(|source| Error::Bus { action, source })
        };
        Self::start(connect).await
    }

    /// Uses a connection that is there already. Its owner's runtime must not be blocked by
    /// handlers: then heartbeats would stop.
    ///
    /// # Errors
    ///
    /// When the worker's thread cannot be started.
    pub async fn on(bus: Bus) -> Result<Self, Error> {
        Self::start(async move { Ok(bus) }).await
    }

    /// Starts the worker's thread; the connection is made there, so that it lives there.
    async fn start(
        connect: impl Future<Output = Result<Bus, Error>> + Send + 'static,
    ) -> Result<Self, Error> {
        let system = |source| Error::System { action: "start the worker's thread", source };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
        let (begin, wanted) = oneshot::channel::<(Plan, CancellationToken)>();
        let (connected, connection) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let work = async move {
            let bus = match connect.await {
                Ok(bus) => bus,
                Err(error) => return drop(connected.send(Err(error))),
            };
            if connected.send(Ok(())).is_err() {
                return;
            }
            if let Ok((plan, stop)) = wanted.await {
                // Whoever waits may have gone; then there is nobody to tell.
                let _ = end.send(engine::run(bus, plan, stop).await);
            }
        };
        let body = move || {
            runtime.block_on(work);
            runtime.shutdown_timeout(Duration::from_secs(1));
        };
        thread::Builder::new().name("kintsugi-worker".to_owned()).spawn(body).map_err(system)?;
        connection.await.map_err(|_| Error::Crashed)??;
        Ok(Self { settings: Settings::default(), handlers: Vec::new(), begin, ended })
    }

    /// Sets everything that can be set.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// How many tasks of each task type are executed at the same time. Default: 16.
    pub fn concurrency(mut self, slots: usize) -> Self {
        self.settings.concurrency = slots;
        self
    }

    /// The queue that tasks are taken from. Default: `default`.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.settings.queue = queue.into();
        self
    }

    /// Serves a task type. The handler runs on the runtime that [`Worker::run`] is called on.
    pub fn task<F, Fut, I, O>(mut self, task_type: &str, handler: F) -> Self
    where
        F: Fn(Context, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, Failure>> + Send + 'static,
        I: DeserializeOwned + Send + 'static,
        O: Serialize + 'static,
    {
        self.handlers.push((task_type.to_owned(), erase(handler)));
        self
    }

    /// Serves a task type with a handler that blocks. It runs on a thread of its own, which cannot
    /// be stopped from outside: let it ask [`Context::is_cancelled`] now and then.
    pub fn blocking_task<F, I, O>(mut self, task_type: &str, handler: F) -> Self
    where
        F: Fn(Context, I) -> Result<O, Failure> + Send + Sync + 'static,
        I: DeserializeOwned + Send + 'static,
        O: Serialize + 'static,
    {
        self.handlers.push((task_type.to_owned(), erase_blocking(handler)));
        self
    }

    /// Works until SIGINT or SIGTERM, then stops in good order.
    ///
    /// # Errors
    ///
    /// When a setting makes no sense, or the worker's thread dies.
    pub async fn run(self) -> Result<(), Error> {
        self.run_until(CancellationToken::new()).await
    }

    /// Works until `stop` too.
    ///
    /// # Errors
    ///
    /// When a setting makes no sense, or the worker's thread dies.
    pub async fn run_until(self, stop: CancellationToken) -> Result<(), Error> {
        self.check()?;
        // Dropped before its end, this future stops the worker.
        let _stops = stop.clone().drop_guard();
        let plan =
            Plan { settings: self.settings, handlers: self.handlers, user: Handle::current() };
        self.begin.send((plan, stop)).map_err(|_| Error::Crashed)?;
        self.ended.await.map_err(|_| Error::Crashed)?
    }

    fn check(&self) -> Result<(), Error> {
        self.settings.check()?;
        let mut names: Vec<&str> = self.handlers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.is_empty() {
            return Err(Error::NoTaskType);
        }
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::TwoHandlers(twice[0].to_owned()));
        }
        names.into_iter().try_for_each(|name| {
            check_name("task type", name)?;
            let action = "serve a task type";
            let consumer = kintsugi_nats::consumer_name(&self.settings.queue, name);
            consumer.map(drop).map_err(|source| Error::Bus { action, source })
        })
    }
}
