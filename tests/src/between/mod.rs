//! What stands between a service and a server, and does to their messages what a bad day does.

mod broker;
mod cut;
mod database;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::{TcpListener, TcpStream},
};

pub(crate) use broker::doubled;
pub use cut::Cable;
pub(crate) use database::severed;

/// What happens to an engine all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// Whatever a service publishes to a stream is in there twice.
    MessagesTwice,
    /// The one orchestrator is killed after every other commit of a batch, before it knows of it.
    /// [`crate::Engine::revive`] starts it again.
    CommitsUnheard(Which),
}

/// Which of the commits, counted over all orchestrators that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first, the third and so on.
    Odd,
    /// The second, the fourth and so on.
    Even,
}

impl Trouble {
    /// Whether orchestrators die of it.
    #[must_use]
    pub fn kills(self) -> bool {
        matches!(self, Self::CommitsUnheard(_))
    }
}

/// A proxy on a port of its own. It ends with the test.
#[derive(Clone, Debug)]
pub struct Between {
    /// Where services find it.
    pub port: u16,
    tally: Arc<Tally>,
}

/// What a proxy has come across.
#[derive(Debug, Default)]
struct Tally {
    /// How often it could have done what it is there for.
    seen: AtomicUsize,
    /// How often it did.
    done: AtomicUsize,
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

    /// Opens a connection to `server` for each that comes, and gives both to `carry`.
    async fn start<F: Future<Output = std::io::Result<()>> + Send + 'static>(
        server: u16,
        carry: impl Fn(TcpStream, TcpStream, Arc<Tally>) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, tally) = (listener.local_addr().unwrap().port(), Arc::default());
        let kept = Arc::clone(&tally);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let at = SocketAddr::from(([127, 0, 0, 1], server));
                // A server that is not there is seen by the client as a connection that ends.
                let Ok(server) = TcpStream::connect(at).await else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let carried = carry(client, server, Arc::clone(&kept));
                tokio::spawn(async move { carried.await.ok() });
            }
        });
        Self { port, tally }
    }
}

/// Reads `count` more bytes to the end of `into`.
async fn read_more(
    from: &mut (impl AsyncRead + Unpin),
    into: &mut Vec<u8>,
    count: usize,
) -> std::io::Result<()> {
    let before = into.len();
    into.resize(before + count, 0);
    from.read_exact(&mut into[before..]).await.map(|_| ())
}
