//! Engines: one process on `SQLite`, or seven on Postgres.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use kintsugi_entities::testing::Postgres;
use serde_json::Value;
use tempfile::TempDir;

mod ending;

use crate::{
    Cable, Client, Tool, Trouble,
    between::{self, Mischief, Stands},
    eventually, free_port, root, signal, tool,
};

/// The two shapes that every suite runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One process, `SQLite`, a nats-server child.
    Dev,
    /// A process per service, Postgres, nats-server.
    Services,
}

/// A process that can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `kintsugi gateway`.
    Gateway,
    /// `kintsugi orchestrator`.
    Orchestrator,
    /// `kintsugi worker`.
    Worker,
    /// `kintsugi detector`.
    Detector,
    /// `kintsugi retry`.
    Retry,
    /// `kintsugi notifier`.
    Notifier,
    /// `kintsugi monitor`.
    Monitor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Gateway,
        Self::Orchestrator,
        Self::Worker,
        Self::Detector,
        Self::Retry,
        Self::Notifier,
        Self::Monitor,
    ];

    /// Its command.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Orchestrator => "orchestrator",
            Self::Worker => "worker",
            Self::Detector => "detector",
            Self::Retry => "retry",
            Self::Notifier => "notifier",
            Self::Monitor => "monitor",
        }
    }
}

/// A running engine. Everything ends with it.
pub struct Engine {
    binary: PathBuf,
    dir: TempDir,
    processes: BTreeMap<String, Child>,
    programs: BTreeMap<String, (PathBuf, Vec<String>)>,
    flags: Vec<String>,
    ports: (u16, u16),
    trouble: Trouble,
    between: Option<Stands>,
    /// The orchestrator to kill; 0: it is killed already.
    victim: Arc<AtomicU32>,
    /// The database's own server, in the shape of services.
    pub postgres: Option<Postgres>,
    /// Where it listens.
    pub client: Client,
    /// The shape.
    pub shape: Shape,
}

impl Engine {
    /// Starts an engine with further flags (for each process); none where a tool is absent.
    pub async fn start(shape: Shape, flags: &[&str]) -> Option<Self> {
        Self::start_in(Trouble::None, shape, flags).await
    }

    /// As [`Engine::start`], in some trouble, for which the shape must be that of services.
    pub async fn start_in(trouble: Trouble, shape: Shape, flags: &[&str]) -> Option<Self> {
        let (binary, nats) = (tool(Tool::Kintsugi)?, tool(Tool::NatsServer)?);
        let postgres = match shape {
            Shape::Dev => None,
            Shape::Services => Some(Postgres::start_or_skip()?),
        };
        let ports = (free_port(), free_port());
        let mut flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        flags.extend(["--set".to_owned(), format!("nats.server_binary={}", nats.display())]);
        let mut engine = Self {
            binary,
            dir: tempfile::tempdir().unwrap(),
            processes: BTreeMap::new(),
            programs: BTreeMap::new(),
            flags,
            ports,
            trouble,
            between: None,
            victim: Arc::default(),
            postgres,
            client: Client::new(&format!("http://127.0.0.1:{}", ports.0)),
            shape,
        };
        match shape {
            Shape::Dev => engine.spawn_dev(),
            Shape::Services => {
                engine.spawn_nats(&nats);
                engine.between = engine.stand_between().await;
                engine.spawn_services();
            }
        }
        engine.ready().await;
        Some(engine)
    }

    async fn stand_between(&self) -> Option<Stands> {
        let victim = Arc::clone(&self.victim);
        let kill = move || match victim.swap(0, Ordering::SeqCst) {
            0 => {}
            pid => signal(pid, "KILL"),
        };
        match self.trouble {
            Trouble::None => None,
            Trouble::MessagesTwice => {
                let cable = Cable::to_broker(&format!("127.0.0.1:{}", self.ports.1)).await.unwrap();
                cable.harm(Some((Mischief::Duplicate, 1)));
                Some(Stands::Cable(cable))
            }
            Trouble::CommitsUnheard(which) => {
                let (_, port) = self.postgres.as_ref()?.url.rsplit_once(':')?;
                let port = port.split('/').next()?.parse().unwrap();
                Some(Stands::Severed(between::severed(port, which, kill).await))
            }
        }
    }

    /// How many messages came twice, or how many commits nobody heard of; and of how many.
    #[must_use]
    pub fn troubled(&self) -> (usize, usize) {
        self.between.as_ref().map_or((0, 0), Stands::done)
    }

    /// Starts again what was killed.
    pub fn revive(&mut self) {
        for name in self.ended() {
            self.start_again(&name);
        }
    }

    /// URL of the broker.
    #[must_use]
    pub fn nats_url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.ports.1)
    }

    /// URL of the database.
    #[must_use]
    pub fn database_url(&self) -> String {
        match &self.postgres {
            Some(postgres) => postgres.url.clone(),
            None => {
                format!("sqlite://{}?mode=rwc", self.dir.path().join("data/kintsugi.db").display())
            }
        }
    }

    /// Where logs and data are.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Waits until the gateway says that it is ready.
    pub async fn ready(&self) {
        eventually("the engine is ready", Duration::from_secs(60), || async {
            let (status, _) = self.client.try_get("/health/ready").await?;
            (status == 200).then_some(())
        })
        .await;
    }

    fn spawn_dev(&mut self) {
        let (http, nats) = self.ports;
        let data = self.path("data").display().to_string();
        let ready = self.path("ready.json").display().to_string();
        let (http, nats) = (format!("127.0.0.1:{http}"), format!("127.0.0.1:{nats}"));
        let args =
            ["dev", "--data", &data, "--http", &http, "--nats", &nats, "--ready-file", &ready];
        self.spawn("dev", &args.map(str::to_owned));
    }

    fn spawn_nats(&mut self, binary: &Path) {
        let data = self.path("nats").display().to_string();
        let port = self.ports.1.to_string();
        let config = root().join("nats/server.conf").display().to_string();
        let args = ["-c", &config, "-sd", &data, "-a", "127.0.0.1", "-p", &port];
        self.spawn_program("nats", binary, &args.map(str::to_owned));
    }

    fn spawn_services(&mut self) {
        for role in Role::ALL {
            self.spawn_role(role.name(), role);
        }
        // A second one of what must be able to take over.
        self.spawn_role("worker-2", Role::Worker);
        if !self.trouble.kills() {
            self.spawn_role("orchestrator-2", Role::Orchestrator);
        }
    }

    /// Starts a process of a role under a name of its own.
    pub fn spawn_role(&mut self, name: &str, role: Role) {
        self.spawn_role_at(name, role, (self.nats_url(), self.database_url()));
    }

    /// The same, which finds broker and database elsewhere: behind what stands between.
    pub fn spawn_role_at(&mut self, name: &str, role: Role, urls: (String, String)) {
        let (mut nats, mut database) = urls;
        let between = self.between.as_ref().map_or(0, Stands::port);
        match (self.trouble, role) {
            (Trouble::MessagesTwice, _) => nats = format!("nats://127.0.0.1:{between}"),
            (Trouble::CommitsUnheard(_), Role::Orchestrator) => {
                database = format!("postgres://postgres@127.0.0.1:{between}/postgres");
            }
            _ => {}
        }
        let mut args = vec![role.name().to_owned(), "--nats-url".to_owned(), nats];
        if role != Role::Worker {
            args.extend(["--database-url".to_owned(), database]);
        }
        if role == Role::Gateway {
            args.extend(["--http".to_owned(), format!("127.0.0.1:{}", self.ports.0)]);
        }
        self.spawn(name, &args);
    }

    fn spawn(&mut self, name: &str, args: &[String]) {
        let args = [args, &self.flags].concat();
        self.spawn_program(name, &self.binary.clone(), &args);
    }

    /// Starts any program under a name, so that it is killed and ends like the engine's own.
    pub fn spawn_program(&mut self, name: &str, program: &Path, args: &[String]) {
        self.programs.insert(name.to_owned(), (program.to_owned(), args.to_vec()));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path(&format!("{name}.log")))
            .unwrap();
        let child = Command::new(program)
            .args(args)
            // What tests are told is no setting of the engine.
            .env_remove("KINTSUGI_BIN")
            .env_remove("KINTSUGI_SEED")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        if name == Role::Orchestrator.name() {
            self.victim.store(child.id(), Ordering::SeqCst);
        }
        self.processes.insert(name.to_owned(), child);
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self, name: &str) {
        let mut child = self.processes.remove(name).unwrap_or_else(|| panic!("no process {name}"));
        signal(child.id(), "KILL");
        let _ = child.wait();
    }

    /// Starts a process again that was killed or ended.
    pub fn start_again(&mut self, name: &str) {
        let (program, args) = self.programs[name].clone();
        self.spawn_program(name, &program, &args);
    }

    /// The same with further flags, from now on.
    pub fn start_again_with(&mut self, name: &str, flags: &[&str]) {
        let (program, mut args) = self.programs[name].clone();
        args.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self.spawn_program(name, &program, &args);
    }

    /// `kill -9` of one process and a new one in its place. `postgres` is one, too.
    pub fn kill_and_restart(&mut self, name: &str) {
        if let (Some(postgres), "postgres") = (&mut self.postgres, name) {
            postgres.kill9();
            return postgres.restart();
        }
        self.kill(name);
        self.start_again(name);
    }

    /// `kill -9` of every process, the database first, and new ones in their places, all at once, as what
    /// runs services does it: each waits by itself for what it needs.
    pub fn kill_everything_and_restart(&mut self) {
        let names = self.names();
        if let Some(postgres) = &mut self.postgres {
            postgres.kill9();
        }
        names.iter().for_each(|name| self.kill(name));
        let mut postgres = self.postgres.take();
        std::thread::scope(|scope| {
            if let Some(postgres) = &mut postgres {
                scope.spawn(|| postgres.restart());
            }
            names.iter().for_each(|name| self.start_again(name));
        });
        self.postgres = postgres;
    }

    /// Names of the processes that run, the broker first.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.processes.keys().cloned().collect();
        names.sort_by_key(|name| name != "nats");
        names
    }

    /// Names of processes that ended by themselves.
    pub fn ended(&mut self) -> Vec<String> {
        let ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        let ended =
            self.processes.iter_mut().filter_map(|(name, child)| ended(child).then_some(name));
        ended.cloned().collect()
    }

    /// The ready file of the one process.
    #[must_use]
    pub fn ready_file(&self) -> Value {
        let text = std::fs::read(self.path("ready.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Process id of a process by its name.
    #[must_use]
    pub fn pid(&self, name: &str) -> u32 {
        self.processes[name].id()
    }

    /// Process ids of everything that was started here, by name; Postgres is not among them.
    #[must_use]
    pub fn pids(&self) -> BTreeMap<String, u32> {
        self.processes.iter().map(|(name, child)| (name.clone(), child.id())).collect()
    }

    /// Process ids of the workers that are alive now.
    pub async fn worker_pids(&self) -> Vec<u32> {
        let (_, body) = self.client.get("/v1/workers").await;
        let workers = body["items"].as_array().cloned().unwrap_or_default();
        let alive = workers.iter().filter(|worker| worker["alive"] == true);
        alive.filter_map(|worker| u32::try_from(worker["pid"].as_u64()?).ok()).collect()
    }
}
