//! A cable that can be pulled: nothing gets through, and neither end is told.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    sync::watch,
};

use super::Between;

/// Stands before a server. While it is cut, bytes of either side wait where they are, connections stay
/// open, and new ones are taken and lead nowhere, as on the far side of a partition.
#[derive(Clone, Debug)]
pub struct Cable {
    between: Between,
    whole: Arc<watch::Sender<bool>>,
}

impl Cable {
    /// Stands before the server at `port`.
    pub async fn start(port: u16) -> Self {
        let whole = Arc::new(watch::Sender::new(true));
        let kept = Arc::clone(&whole);
        let between = Between::start(port, move |client, server, _| {
            let whole = kept.subscribe();
            async move {
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let forth = carry(from_client, to_server, whole.clone());
                let back = carry(from_server, to_client, whole);
                // Either end ends both.
                tokio::select! { ended = forth => ended, ended = back => ended }
            }
        });
        Self { between: between.await, whole }
    }

    /// Where services find the server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.between.port
    }

    /// Pulls it.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Puts it back. What waited goes on its way.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut whole: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 1 << 16];
    loop {
        let count = from.read(&mut bytes).await?;
        if whole.wait_for(|whole| *whole).await.is_err() || count == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..count]).await?;
    }
}
