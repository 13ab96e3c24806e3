//! How each fault is done to a stage, and healed.

use std::time::Duration;

use kintsugi_nats::{Bus, Options};
use kintsugi_promises::streams;
use serde_json::json;

use super::{
    Stage,
    process::{command, signal},
};
use crate::{
    Error,
    between::{Cable, Mischief},
    fault::{BROKER, DATABASE, Fault, Process},
};

/// The stream that fills the broker's disk quota.
const JUNK: &str = "CHAOS_JUNK";

/// The size of each message in it: as large as the broker's default takes.
const JUNK_BYTES: usize = 1_000_000;

/// How long the broker may take to do what it is asked; it may have just been killed.
const PATIENCE: Duration = Duration::from_secs(30);

impl Stage {
    /// Does it.
    ///
    /// # Errors
    ///
    /// When it cannot be done.
    pub async fn begin(&mut self, fault: &Fault) -> Result<(), Error> {
        match *fault {
            Fault::Kill { process } => self.kill(process)?,
            Fault::KillAll => self.kill_all().await?,
            Fault::Freeze { process, .. } => self.freeze(process)?,
            Fault::RestartBroker => {
                self.broker.kill().await;
                self.broker.start_again().await?;
                self.note_servers()?;
            }
            Fault::RestartDatabase => {
                self.database.kill();
                self.database.start_again()?;
                self.note_servers()?;
            }
            Fault::DeleteStream { stream } => self.delete(&[stream]).await?,
            Fault::DeleteAllStreams => self.delete(&crate::plan::STREAMS).await?,
            Fault::CutBroker { process, .. } => self.to_broker(process, Cable::cut),
            Fault::CutDatabase { process, .. } => self.to_database(process, Cable::cut),
            Fault::SlowBroker { process, by_ms, .. } => {
                self.to_broker(process, |cable| cable.slow(Duration::from_millis(by_ms)));
            }
            Fault::SlowDatabase { process, by_ms, .. } => {
                self.to_database(process, |cable| cable.slow(Duration::from_millis(by_ms)));
            }
            Fault::Duplicate { process, one_in, .. } => {
                self.harm(process, Mischief::Repeat, one_in);
            }
            Fault::Drop { process, one_in, .. } => self.harm(process, Mischief::Drop, one_in),
            Fault::Delay { process, one_in, by_ms, .. } => {
                self.harm(process, Mischief::Delay(Duration::from_millis(by_ms)), one_in);
            }
            Fault::FillQuota { .. } => self.fill().await?,
            Fault::Clock { process, by_s, .. } => self.clock(process, by_s)?,
        }
        Ok(())
    }

    /// Undoes what does not pass by itself.
    ///
    /// # Errors
    ///
    /// When that cannot be done.
    pub async fn heal(&mut self, fault: &Fault) -> Result<(), Error> {
        match *fault {
            Fault::Freeze { process, .. } => self.thaw(process),
            Fault::CutBroker { process, .. } => self.to_broker(process, Cable::mend),
            Fault::CutDatabase { process, .. } => self.to_database(process, Cable::mend),
            Fault::SlowBroker { process, .. } => {
                self.to_broker(process, |cable| cable.slow(Duration::ZERO));
            }
            Fault::SlowDatabase { process, .. } => {
                self.to_database(process, |cable| cable.slow(Duration::ZERO));
            }
            Fault::Duplicate { process, .. }
            | Fault::Drop { process, .. }
            | Fault::Delay { process, .. } => self.to_broker(process, |cable| cable.harm(None)),
            Fault::FillQuota { .. } => self.empty().await?,
            Fault::Clock { process, .. } => self.clock(process, 0)?,
            _ => {}
        }
        Ok(())
    }

    fn kill(&mut self, process: Process) -> Result<(), Error> {
        if self.kill_child(process) {
            return self.start_again(process);
        }
        self.signal(process, "KILL")
    }

    /// The database first, so that nothing is in good order.
    async fn kill_all(&mut self) -> Result<(), Error> {
        self.database.kill();
        self.broker.kill().await;
        let names: Vec<Process> = self.children.keys().copied().collect();
        for name in &names {
            self.kill_child(name);
        }
        self.database.start_again()?;
        self.broker.start_again().await?;
        self.note_servers()?;
        names.into_iter().try_for_each(|name| self.start_again(name))
    }

    /// It is listed by itself: what it is a child of may be killed meanwhile, and it would not notice.
    fn freeze(&mut self, process: Process) -> Result<(), Error> {
        let pid = match process {
            BROKER => self.broker.pid(),
            DATABASE => self.database.pid(),
            _ => self.pid(process),
        };
        if let Some(pid) = pid {
            self.warden.watch(&listed(process), pid)?;
            self.frozen.insert(process, (pid, command(pid)));
        }
        self.signal(process, "STOP")
    }

    /// Who took its place meanwhile was not frozen, and does not mind.
    fn thaw(&mut self, process: Process) {
        if let Some((pid, known)) = self.frozen.remove(process)
            && command(pid) == known
        {
            signal(pid, "CONT");
        }
        self.signal(process, "CONT").unwrap_or_default();
        self.warden.forget(&listed(process));
    }

    fn signal(&self, process: Process, name: &str) -> Result<(), Error> {
        match process {
            BROKER => self.broker.signal(name),
            DATABASE => self.database.signal(name),
            _ => {
                let pid = self.pid(process);
                let gone = || Error::Refused(format!("there is no {process} at the moment"));
                signal(pid.ok_or_else(gone)?, name);
            }
        }
        Ok(())
    }

    fn to_broker(&self, process: Process, act: impl FnOnce(&Cable)) {
        if let Some(cable) = self.cables.broker.get(process) {
            act(cable);
        }
    }

    fn to_database(&self, process: Process, act: impl FnOnce(&Cable)) {
        if let Some(cable) = self.cables.database.get(process) {
            act(cable);
        }
    }

    fn harm(&self, process: Process, mischief: Mischief, one_in: u64) {
        let one_in = usize::try_from(one_in).unwrap_or(usize::MAX);
        self.to_broker(process, |cable| cable.harm(Some((mischief, one_in))));
    }

    /// A clock is set wrong from the start of a process on.
    fn clock(&mut self, process: Process, by_s: i64) -> Result<(), Error> {
        if let Some(child) = self.children.get_mut(process) {
            child.ahead = by_s;
        }
        self.kill(process)
    }

    async fn bus(&self) -> Result<Bus, Error> {
        let options = Options { url: self.nats(), wait: PATIENCE, ..Options::default() };
        Ok(Bus::connect(&options).await?)
    }

    async fn delete(&self, names: &[&str]) -> Result<(), Error> {
        let bus = self.bus().await?;
        for name in names {
            // One that was not made anew yet is gone already.
            streams::delete(&bus, name).await.map_err(refused("delete a stream"))?;
        }
        Ok(())
    }

    /// Writes junk until the broker takes no more.
    async fn fill(&self) -> Result<(), Error> {
        let bus = self.bus().await?;
        let config = json!({
            "name": JUNK, "subjects": ["chaos.junk"], "storage": "file", "num_replicas": 1,
            "retention": "limits", "discard": "new",
        });
        let made = streams::ask(&bus, "STREAM.CREATE", JUNK, &config).await;
        let made = made.map_err(refused("make a stream"))?;
        if made["error"].is_object() {
            return Err(refused("make a stream")(made["error"].to_string()));
        }
        // What is on its way to the disk is not counted at once.
        let most = 2 * super::QUOTA_BYTES / JUNK_BYTES as u64;
        for _ in 0..most {
            let answer = bus.request("chaos.junk", vec![0; JUNK_BYTES], PATIENCE).await;
            let answer = answer.map_err(refused("take junk"))?;
            if String::from_utf8_lossy(&answer).contains("\"error\"") {
                return Ok(());
            }
        }
        Err(refused("fill up")("it still takes more"))
    }

    async fn empty(&self) -> Result<(), Error> {
        let gone = streams::delete(&self.bus().await?, JUNK).await;
        gone.map_err(refused("delete a stream")).map(drop)
    }
}

/// Its name in the warden's list while it is frozen.
fn listed(process: Process) -> String {
    format!("frozen-{process}")
}

fn refused<E: ToString>(what: &'static str) -> impl FnOnce(E) -> Error {
    move |said| Error::Broker { what, said: said.to_string() }
}
