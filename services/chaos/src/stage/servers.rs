//! The broker and the database of a stage.

use std::path::{Path, PathBuf};

use kintsugi_nats::{Server, ServerOptions};
use kintsugi_postgres::Postgres;

use super::{QUOTA_BYTES, Setup, free_port, process::signal};
use crate::{Error, fault::Shape};

/// The broker: our own child, or that of `kintsugi dev`.
pub(super) enum Broker {
    Own(Server),
    OfDev { port: u16, pid_file: PathBuf },
}

impl Broker {
    pub(super) async fn start(setup: &Setup, folder: &Path) -> Result<Self, Error> {
        if setup.shape == Shape::Dev {
            let pid_file = folder.join("data/nats/nats-server.pid");
            return Ok(Self::OfDev { port: free_port()?, pid_file });
        }
        let options = ServerOptions::new(&setup.nats_server, folder.join("nats"));
        Ok(Self::Own(Server::spawn(options.file_bytes_max(QUOTA_BYTES)).await?))
    }

    /// Host and port.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Own(server) => server.address().to_string(),
            Self::OfDev { port, .. } => format!("127.0.0.1:{port}"),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Own(server) => server.pid(),
            Self::OfDev { pid_file, .. } => {
                std::fs::read_to_string(pid_file).ok()?.trim().parse().ok()
            }
        }
    }

    /// SIGKILL. That of `kintsugi dev` is started again by that.
    pub(super) async fn kill(&self) {
        match self {
            Self::Own(server) => server.kill9().await,
            Self::OfDev { .. } => self.signal("KILL"),
        }
    }

    pub(super) async fn start_again(&self) -> Result<(), Error> {
        match self {
            Self::Own(server) => Ok(server.restart().await?),
            Self::OfDev { .. } => Ok(()),
        }
    }

    pub(super) fn signal(&self, name: &str) {
        if let Some(pid) = self.pid() {
            signal(pid, name);
        }
    }

    /// It goes on, so that it can end.
    pub(super) fn thaw(&self) {
        self.signal("CONT");
    }
}

/// The database, and our own server where it is ours.
pub(super) struct Database {
    pub(super) url: String,
    pub(super) own: Option<Postgres>,
}

impl Database {
    pub(super) fn start(setup: &Setup, folder: &Path) -> Result<Self, Error> {
        if setup.shape == Shape::Dev {
            let file = folder.join("data/kintsugi.db");
            return Ok(Self { url: format!("sqlite://{}?mode=rwc", file.display()), own: None });
        }
        if let Some(url) = &setup.database_url {
            return Ok(Self { url: url.clone(), own: None });
        }
        let own = tokio::task::block_in_place(|| Postgres::start(&folder.join("postgres"), &[]))?;
        Ok(Self { url: own.url_of("postgres"), own: Some(own) })
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.own.as_ref().map(Postgres::pid)
    }

    pub(super) fn kill(&mut self) {
        if let Some(own) = &mut self.own {
            tokio::task::block_in_place(|| own.kill9());
        }
    }

    pub(super) fn start_again(&mut self) -> Result<(), Error> {
        match &mut self.own {
            Some(own) => Ok(tokio::task::block_in_place(|| own.restart())?),
            None => Ok(()),
        }
    }

    pub(super) fn signal(&self, name: &str) {
        if let Some(own) = &self.own {
            own.signal(name);
        }
    }

    /// It goes on, so that it can end.
    pub(super) fn thaw(&self) {
        self.signal("CONT");
    }
}
