//! The gateway as a service.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use kintsugi_gateway_chaos::Chaos;
use kintsugi_gateway_ops::App;
use kintsugi_runtime::{Deps, Service, Shutdown};
use poem::{
    Server,
    http::uri::Scheme,
    listener::{Acceptor, TcpAcceptor},
    web::{LocalAddr, RemoteAddr},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::DropGuard;
use tracing::warn;

use crate::{Config, door, web};

/// How long open connections may take to end when the gateway stops.
const GRACE: Duration = Duration::from_secs(5);

/// After accepting a connection failed: the process is out of files, most likely, and trying at
/// once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The front door.
pub struct ApiGateway {
    app: Arc<App>,
    chaos: Arc<Chaos>,
    listeners: Vec<TcpListener>,
    stop: DropGuard,
}

/// Why the gateway could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address must not be served like this.
    #[error("{0}")]
    OpenAddress(String),
    /// A setting makes no sense.
    #[error("{0}")]
    Setting(&'static str),
    /// The address cannot be listened at.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// There is no client for what definitions refer to.
    #[error("cannot get what definitions refer to")]
    Fetcher(#[source] kintsugi_gateway_ops::FetcherError),
    /// Serving ended.
    #[error("cannot serve HTTP")]
    Serve {
        /// Why.
        source: io::Error,
    },
}

impl Service for ApiGateway {
    const NAME: &'static str = "api-gateway";
    const HAS_API: bool = true;
    type Deps = Deps;
    type Config = Config;
    type Error = Error;

    async fn start(config: Config, deps: Deps) -> Result<Self, Error> {
        if config.token.as_ref().is_some_and(|token| token.expose().trim().is_empty()) {
            return Err(Error::Setting("gateway.token is set, but empty"));
        }
        if let Some(wrong) = config.payloads.wrong() {
            return Err(Error::Setting(wrong));
        }
        let mut listeners = Vec::new();
        for (name, address) in [("http", Some(config.http)), ("also_http", config.also_http)] {
            let Some(address) = address else { continue };
            if let Some(reason) = web::refuse_open_address(&config, address) {
                return Err(Error::OpenAddress(reason));
            }
            let because = |source| Error::Listen { address, source };
            let listener = TcpListener::bind(address).await.map_err(because)?;
            deps.announce.set(name, listener.local_addr().map_err(because)?);
            listeners.push(listener);
        }
        let stop = Shutdown::new();
        let chaos = Chaos::new(config.chaos.clone(), stop.clone());
        let app = App::new(config, deps, stop.clone()).map_err(Error::Fetcher)?;
        Ok(Self { app, chaos, listeners, stop: stop.drop_guard() })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let Self { app, chaos, listeners, stop } = self;
        let shell = Arc::new(web::Shell::new(Arc::clone(&app), Arc::clone(&chaos)));
        let servers = listeners.into_iter().map(|listener| {
            let acceptor = TcpAcceptor::from_tokio(listener).map(Patient);
            let (shell, app) = (Arc::clone(&shell), Arc::clone(&app));
            async move {
                let server = Server::new_with_acceptor(acceptor?);
                let ended = app.shutdown.cancelled();
                server.run_with_graceful_shutdown(shell, ended, Some(GRACE)).await
            }
        });
        let door = tokio::spawn(door::serve(Arc::clone(&app), Arc::clone(&chaos)));
        // Whoever waits for a result or an event lets go first, or nothing would end in time.
        tokio::spawn(async move {
            shutdown.cancelled().await;
            drop(stop);
        });
        let served = futures::future::try_join_all(servers).await;
        app.shutdown.cancel();
        if let Err(error) = door.await {
            warn!(error = &error as &dyn std::error::Error, "the NATS door ended badly");
        }
        app.stop().await;
        chaos.ended().await;
        served.map(|_| ()).map_err(|source| Error::Serve { source })
    }
}

/// Accepts connections, and pauses when that fails.
struct Patient(TcpAcceptor);

impl Acceptor for Patient {
    type Io = TcpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(TcpStream, LocalAddr, RemoteAddr, Scheme)> {
        let accepted = self.0.accept().await;
        match &accepted {
            // Answers are small: held back to fill a packet, each would wait for the peer's ack.
            Ok((stream, ..)) => stream.set_nodelay(true)?,
            Err(error) => {
                warn!(error = error as &dyn std::error::Error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        accepted
    }
}
