//! Who is there to be struck, in each shape.

use crate::fault::{BROKER, DATABASE, Kind, LEDGERS, Process, Shape};

/// What there is to strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The shape of the engine.
    pub shape: Shape,
    /// The database is a Postgres that was started for it, so it may be killed.
    pub owns_database: bool,
}

/// What stands behind cables of its own and works on the database.
const SERVICES: [Process; 7] =
    ["gateway", "orchestrator", "orchestrator-2", "detector", "retry", "notifier", "monitor"];

/// Workers of the engine, in both shapes.
const WORKERS: [Process; 2] = ["worker-1", "worker-2"];

/// All services, the broker and the database's connections in one process.
pub(crate) const DEV: Process = "dev";

impl Scope {
    /// Why a kind of fault cannot be had; none: it can.
    #[must_use]
    pub fn refuses(&self, kind: Kind) -> Option<&'static str> {
        match (self.shape, kind) {
            (Shape::Dev, Kind::RestartDatabase | Kind::CutDatabase | Kind::SlowDatabase) => {
                Some("in the shape `dev` the database is a file, and no process or connection")
            }
            (Shape::Services, Kind::RestartDatabase) if !self.owns_database => {
                Some("the database of --database-url is somebody else's to restart")
            }
            _ => None,
        }
    }

    /// Processes of the engine that work on the database, and have a clock that matters.
    #[must_use]
    pub fn services(&self) -> Vec<Process> {
        match self.shape {
            Shape::Dev => vec![DEV],
            Shape::Services => SERVICES.to_vec(),
        }
    }

    /// Every process that is killed by itself and started again.
    #[must_use]
    pub fn killed(&self) -> Vec<Process> {
        [self.services(), WORKERS.to_vec(), LEDGERS.to_vec()].concat()
    }

    /// Every process that is frozen.
    #[must_use]
    pub fn frozen(&self) -> Vec<Process> {
        let mut all = self.killed();
        all.push(BROKER);
        if self.shape == Shape::Services && self.owns_database {
            all.push(DATABASE);
        }
        all
    }

    /// Every process with a cable of its own to the broker. `kintsugi dev` and its workers have none:
    /// its nats-server is its own child.
    #[must_use]
    pub fn wired(&self) -> Vec<Process> {
        match self.shape {
            Shape::Dev => LEDGERS.to_vec(),
            Shape::Services => self.killed(),
        }
    }
}
