//! Worker processes that tell when each attempt begins: here that is where it really begins, in the
//! handler, and not where somebody hears of it.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kintsugi_tests::{Cable, signal};
use kintsugi_worker::{Context, Failure, Worker};
use serde_json::Value;
use tokio::sync::broadcast;

/// Beginnings that a slow listener may be behind.
const BEHIND_MAX: usize = 1 << 16;

/// The longest that a `tick` takes.
const TICK_MAX_MS: u64 = 1_000;

/// An attempt began.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    pub(crate) at: Instant,
    /// The worker's process.
    pub(crate) pid: u32,
    pub(crate) run: String,
    pub(crate) epoch: u64,
}

/// Probes of one kind.
pub(crate) struct Probes {
    kind: &'static str,
    nats_url: String,
    begun: broadcast::Sender<Begun>,
    children: Mutex<BTreeMap<u32, Child>>,
    /// Whether each finds the broker behind a cable of its own, which can be pulled.
    cables: Mutex<BTreeMap<u32, Cable>>,
}

impl Probes {
    /// Probes whose tasks are of the type `kind`: `held` or `tick`.
    pub(crate) fn new(kind: &'static str, nats_url: String) -> Self {
        let (begun, _) = broadcast::channel(BEHIND_MAX);
        Self { kind, nats_url, begun, children: Mutex::default(), cables: Mutex::default() }
    }

    /// Starts one more.
    pub(crate) fn spawn(&self) {
        self.spawn_at(&self.nats_url);
    }

    /// Starts one more that can be cut off.
    pub(crate) async fn spawn_behind_a_cable(&self) {
        let cable = Cable::start(self.nats_url.trim_start_matches("nats://")).await.unwrap();
        let pid = self.spawn_at(&format!("nats://127.0.0.1:{}", cable.port()));
        self.cables.lock().unwrap_or_else(PoisonError::into_inner).insert(pid, cable);
    }

    /// Cuts one off from the broker, and gives when.
    pub(crate) fn cut(&self, pid: u32) -> Instant {
        let at = Instant::now();
        self.cables.lock().unwrap_or_else(PoisonError::into_inner)[&pid].cut();
        at
    }

    fn spawn_at(&self, nats_url: &str) -> u32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["probe", self.kind, nats_url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (pid, out) = (child.id(), child.stdout.take().unwrap());
        let begun = self.begun.clone();
        // A thread that does nothing else: what it hears is noted at once.
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let at = Instant::now();
                let Some((run, epoch)) = line.split_once(' ') else { continue };
                let epoch = epoch.parse().unwrap();
                // Nobody may listen just now.
                let _ = begun.send(Begun { at, pid, run: run.to_owned(), epoch });
            }
        });
        self.children().insert(pid, child);
        pid
    }

    /// Hears of all attempts that begin from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Begun> {
        self.begun.subscribe()
    }

    /// Kills one, as `kill -9` does, and gives when.
    pub(crate) fn kill(&self, pid: u32) -> Instant {
        let mut children = self.children();
        let child = children.get_mut(&pid).expect("it is one of ours");
        let at = Instant::now();
        child.kill().unwrap();
        at
    }

    /// Freezes one, and gives when.
    pub(crate) fn freeze(&self, pid: u32) -> Instant {
        let at = Instant::now();
        signal(pid, "STOP");
        at
    }

    /// Ends one for good, and starts another in its place.
    pub(crate) async fn replace(&self, pid: u32) {
        if let Some(child) = self.children().remove(&pid) {
            end(child);
        }
        let cable = self.cables.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid);
        if cable.is_some() {
            return self.spawn_behind_a_cable().await;
        }
        self.spawn();
    }

    /// From now on each task is done at once.
    pub(crate) fn hurry(&self) {
        for child in self.children().values_mut() {
            child.stdin.as_mut().unwrap().write_all(b"hurry\n").unwrap();
        }
    }

    fn children(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Child>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        for (_, child) in std::mem::take(&mut *self.children()) {
            end(child);
        }
    }
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The next beginning that is as wanted.
pub(crate) async fn next(
    begun: &mut broadcast::Receiver<Begun>,
    within: Duration,
    what: &str,
    wanted: impl Fn(&Begun) -> bool,
) -> Begun {
    let wait = async {
        loop {
            let begun = begun.recv().await.expect("beginnings were missed");
            if wanted(&begun) {
                return begun;
            }
        }
    };
    let found = tokio::time::timeout(within, wait).await;
    found.unwrap_or_else(|_| panic!("not within {within:?}: {what}"))
}

/// The process itself. Ends with its parent, whose end closes its input.
///
/// A `held` task never ends in its first attempt, and at once in the next. A `tick` takes up to a
/// second, until all shall hurry.
pub(crate) async fn serve(kind: &str, nats_url: &str) {
    let hurried = Arc::new(AtomicBool::new(false));
    let hurry = Arc::clone(&hurried);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            hurry.store(line == "hurry", Ordering::Release);
        }
        std::process::exit(0);
    });
    let worker = Worker::connect(nats_url).await.unwrap();
    let worker = match kind {
        "held" => worker.concurrency(1).task("held", |context: Context, input: Value| async move {
            tell(&context);
            if context.epoch() == 1 {
                std::future::pending::<()>().await;
            }
            Ok::<_, Failure>(input)
        }),
        "tick" => worker.concurrency(2_048).task("tick", move |context: Context, input: Value| {
            let hurried = Arc::clone(&hurried);
            async move {
                tell(&context);
                let pause = Duration::from_millis(spread(context.task()) % TICK_MAX_MS);
                if !hurried.load(Ordering::Acquire) {
                    tokio::time::sleep(pause).await;
                }
                Ok::<_, Failure>(input)
            }
        }),
        _ => panic!("there is no probe `{kind}`"),
    };
    worker.run().await.unwrap();
}

fn tell(context: &Context) {
    let line = format!("{} {}\n", context.run(), context.epoch());
    // Without a listener there is nothing to measure: the input tells of the end.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

/// FNV-1a: the same for the same task, and evenly spread over different ones.
fn spread(text: &str) -> u64 {
    let bytes = text.bytes();
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}
