//! What stands between a service and a server, and does to their messages what a bad day does.

mod broker;
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
pub(crate) use database::severed;

/// A proxy on a port of its own. It ends with the test.
#[derive(Clone, Debug)]
pub struct Between {
    /// Where services find it.
    pub port: u16,
    count: Arc<AtomicUsize>,
}

impl Between {
    /// How often it did what it is there for.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Opens a connection to `server` for each that comes, and gives both to `carry`.
    async fn start<F: Future<Output = std::io::Result<()>> + Send + 'static>(
        server: u16,
        carry: impl Fn(TcpStream, TcpStream, Arc<AtomicUsize>) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, count) = (listener.local_addr().unwrap().port(), Arc::default());
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let at = SocketAddr::from(([127, 0, 0, 1], server));
                // A server that is not there is seen by the client as a connection that ends.
                let Ok(server) = TcpStream::connect(at).await else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let carried = carry(client, server, Arc::clone(&counted));
                tokio::spawn(async move { carried.await.ok() });
            }
        });
        Self { port, count }
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
