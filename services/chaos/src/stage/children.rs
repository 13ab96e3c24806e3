//! The processes of a stage: how each is started, and started again.

use super::{
    QUOTA_BYTES, STREAMS_BYTES, Stage,
    process::{Process as Child, children, command},
    servers::Broker,
};
use crate::{
    Error,
    fault::{LEDGERS, Process, Shape},
    scope::DEV,
};

impl Stage {
    pub(super) fn start_one(&mut self, name: Process) -> Result<(), Error> {
        let log = self.path().join(format!("{name}.log"));
        let child = Child::start(&self.setup.program, self.args(name)?, log)?;
        self.warden.watch(name, child.pid())?;
        self.children.insert(name, child);
        Ok(())
    }

    fn args(&self, name: Process) -> Result<Vec<String>, Error> {
        let nats = self.cables.nats_url(name, &self.broker);
        let ledger = self.ledger().display().to_string();
        let mut args: Vec<String> = match name {
            DEV => {
                let data = self.path().join("data").display().to_string();
                let broker = self.broker.address();
                let quota = format!("nats.server_bytes_max={QUOTA_BYTES}");
                let args = [
                    "dev", "--data", &data, "--http", &self.http, "--nats", &broker, "--set",
                    &quota,
                ];
                // Said, so that no setting of the user's leads to a database that is in use.
                let database = ["--database-url", &self.database.url];
                [&args[..], &database].concat().into_iter().map(str::to_owned).collect()
            }
            name if LEDGERS.contains(&name) => {
                ["chaos-ledger", "--nats-url", &nats, "--file", &ledger].map(str::to_owned).into()
            }
            "worker-1" | "worker-2" => ["worker", "--nats-url", &nats].map(str::to_owned).into(),
            name => {
                let database = self.cables.database_url(name, &self.database)?;
                let role = name.trim_end_matches("-2");
                let urls = ["--nats-url", &nats, "--database-url", &database];
                let http: &[&str] = if name == "gateway" { &["--http", &self.http] } else { &[] };
                [&[role][..], &urls, http].concat().into_iter().map(str::to_owned).collect()
            }
        };
        let server = self.setup.nats_server.display();
        for set in [
            format!("nats.streams_bytes_max={STREAMS_BYTES}"),
            format!("nats.server_binary={server}"),
        ] {
            args.extend(["--set".to_owned(), set]);
        }
        args.extend(self.setup.flags.iter().cloned());
        // An engine under trial starts no trials, whatever the user's settings say.
        args.extend(["--set", "chaos.enabled=false"].map(str::to_owned));
        Ok(args)
    }

    /// Starts again what ended by itself, as one does that cannot go on alone.
    pub(crate) fn revive(&mut self) -> Result<(), Error> {
        let ended: Vec<Process> = self
            .children
            .iter_mut()
            .filter_map(|(name, child)| child.has_ended().then_some(*name))
            .collect();
        for name in ended {
            self.revived += 1;
            self.start_again(name)?;
        }
        Ok(())
    }

    /// Starts a process again; one that runs is left alone.
    pub(super) fn start_again(&mut self, name: Process) -> Result<(), Error> {
        let Some(child) = self.children.get_mut(name) else { return Ok(()) };
        if child.has_ended() {
            self.warden.forget(name);
            child.start_again()?;
            self.warden.watch(name, child.pid())?;
        }
        Ok(())
    }

    /// SIGKILL of a process of ours; whether it is one.
    pub(super) fn kill_child(&mut self, name: Process) -> bool {
        let Some(child) = self.children.get_mut(name) else { return false };
        // Its own children end by themselves, in a while.
        self.orphans.retain(|(pid, known)| command(*pid) == *known);
        self.orphans.extend(children(child.pid()));
        tokio::task::block_in_place(|| child.kill());
        self.warden.forget(name);
        true
    }

    /// Lets the warden know of servers, whose processes change when they are killed.
    pub(super) fn note_servers(&self) -> Result<(), Error> {
        let broker = matches!(self.broker, Broker::Own(_)).then(|| self.broker.pid()).flatten();
        for (name, pid) in [("nats-server", broker), ("postgres", self.database.pid())] {
            if let Some(pid) = pid {
                self.warden.watch(name, pid)?;
            }
        }
        Ok(())
    }

    /// The process of that name now.
    pub(super) fn pid(&self, name: Process) -> Option<u32> {
        if let Some(child) = self.children.get(name) {
            return Some(child.pid());
        }
        if self.scope.shape != Shape::Dev {
            return None;
        }
        // A worker of `kintsugi dev` is its child, which it starts again by itself.
        let named = format!("engine.instance={name}");
        let found = children(self.children.get(DEV)?.pid());
        found.into_iter().find(|(_, command)| command.contains(&named)).map(|(pid, _)| pid)
    }
}
