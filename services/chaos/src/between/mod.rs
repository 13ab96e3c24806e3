//! What stands between a process and a server, and does to their connection what a bad day does.

mod cable;
mod carry;
mod message;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

pub use cable::{Cable, Mischief};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A proxy on a loopback port of its own. It ends with its last clone.
#[derive(Clone, Debug)]
pub struct Between {
    /// Where processes find it.
    pub port: u16,
    tally: Arc<Tally>,
    _open: Arc<DropGuard>,
}

/// What a proxy has come across.
#[derive(Debug, Default)]
pub struct Tally {
    seen: AtomicUsize,
    done: AtomicUsize,
}

impl Tally {
    /// Counts that it could have done what it is there for, and gives how often it could before.
    pub fn saw(&self) -> usize {
        self.seen.fetch_add(1, Ordering::SeqCst)
    }

    /// Counts that it did it.
    pub fn did(&self) {
        self.done.fetch_add(1, Ordering::SeqCst);
    }
}

impl Between {
    /// How often it did what it is there for.
    #[must_use]
    pub fn done(&self) -> usize {
        self.tally.done.load(Ordering::Relaxed)
    }

    /// How often it could have done it.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.tally.seen.load(Ordering::Relaxed)
    }

    /// Opens a connection to `server` (host and port) for each that comes, and gives both to `carry`.
    ///
    /// # Errors
    ///
    /// When the loopback has no free port.
    pub async fn start<F: Future<Output = io::Result<()>> + Send + 'static>(
        server: &str,
        carry: impl Fn(TcpStream, TcpStream, Arc<Tally>) -> F + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, tally) = (listener.local_addr()?.port(), Arc::default());
        let (kept, server) = (Arc::clone(&tally), server.to_owned());
        let (open, mut carried) = (CancellationToken::new(), JoinSet::new());
        let closed = open.clone();
        tokio::spawn(async move {
            loop {
                let client = tokio::select! {
                    client = listener.accept() => client,
                    Some(_) = carried.join_next() => continue,
                    () = closed.cancelled() => return,
                };
                let Ok((client, _)) = client else { continue };
                // A server that is not there is seen by the client as a connection that ends.
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                carried.spawn(carry(client, server, Arc::clone(&kept)));
            }
        });
        Ok(Self { port, tally, _open: Arc::new(open.drop_guard()) })
    }
}
