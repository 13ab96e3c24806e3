//! The cables of a stage: one between each process and the broker, one between each service and the
//! database.

use std::collections::BTreeMap;

use url::Url;

use super::servers::{Broker, Database};
use crate::{
    Error, Scope,
    between::Cable,
    fault::{Process, Shape},
};

/// The port of a Postgres whose URL names none.
const POSTGRES_PORT: u16 = 5432;

pub(super) struct Cables {
    pub(super) broker: BTreeMap<Process, Cable>,
    pub(super) database: BTreeMap<Process, Cable>,
}

impl Cables {
    pub(super) async fn start(
        scope: &Scope,
        broker: &Broker,
        database: &Database,
    ) -> Result<Self, Error> {
        let mut cables = Self { broker: BTreeMap::new(), database: BTreeMap::new() };
        for name in scope.wired() {
            let cable = Cable::to_broker(&broker.address()).await.map_err(Error::Between)?;
            cables.broker.insert(name, cable);
        }
        if scope.shape == Shape::Services {
            let server = host(&parsed(&database.url)?)?;
            for name in scope.services() {
                let cable = Cable::start(&server).await.map_err(Error::Between)?;
                cables.database.insert(name, cable);
            }
        }
        Ok(cables)
    }

    /// Where a process finds the broker.
    pub(super) fn nats_url(&self, name: Process, direct: &Broker) -> String {
        let cable = self.broker.get(name);
        cable.map_or_else(|| direct.url(), |cable| format!("nats://127.0.0.1:{}", cable.port()))
    }

    /// Where a process finds the database.
    pub(super) fn database_url(&self, name: Process, direct: &Database) -> Result<String, Error> {
        let Some(cable) = self.database.get(name) else { return Ok(direct.url.clone()) };
        let mut url = parsed(&direct.url)?;
        let moved =
            url.set_host(Some("127.0.0.1")).is_ok() && url.set_port(Some(cable.port())).is_ok();
        if moved { Ok(url.into()) } else { Err(senseless()) }
    }

    /// Messages that something was done to.
    pub(super) fn harmed(&self) -> usize {
        self.broker.values().map(Cable::done).sum()
    }
}

fn parsed(url: &str) -> Result<Url, Error> {
    Url::parse(url).map_err(|_| senseless())
}

fn host(url: &Url) -> Result<String, Error> {
    let host = url.host_str().ok_or_else(senseless)?;
    Ok(format!("{host}:{}", url.port().unwrap_or(POSTGRES_PORT)))
}

/// The URL may hold a password, so it is not shown.
fn senseless() -> Error {
    Error::Refused(
        "--database-url is not of the form postgres://user@host:port/database".to_owned(),
    )
}
