//! A cable that can be pulled, that can be slow, and that loses, doubles and holds up messages.

use std::{io, sync::Arc, time::Duration};

use tokio::{net::TcpStream, sync::watch};

use super::{Between, Tally, carry};

/// What becomes of single messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mischief {
    /// What is published to a stream is followed by a copy that nobody waits for, under no id: the stream
    /// keeps both.
    Duplicate,
    /// The same under its id, as by a client that did not hear that it was stored. The stream keeps both of
    /// what has no id.
    Repeat,
    /// What is published to a stream, acknowledged, or delivered from a stream is lost.
    Drop,
    /// What is published to a stream comes later by this, after others.
    Delay(Duration),
}

/// How a cable is at the moment.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) whole: bool,
    /// How much longer everything takes.
    pub(super) slow: Duration,
    /// What is done to each so many-th message.
    pub(super) mischief: Option<(Mischief, usize)>,
}

/// Stands before a server. While it is cut, bytes of either side wait where they are, connections stay
/// open, and new ones are taken and lead nowhere, as on the far side of a partition.
#[derive(Clone, Debug)]
pub struct Cable {
    between: Between,
    state: Arc<watch::Sender<State>>,
}

impl Cable {
    /// Stands before any server.
    ///
    /// # Errors
    ///
    /// As [`Between::start`].
    pub async fn start(server: &str) -> io::Result<Self> {
        Self::carrying(server, carry::bytes).await
    }

    /// Stands before a broker, and knows its messages.
    ///
    /// # Errors
    ///
    /// As [`Between::start`].
    pub async fn to_broker(server: &str) -> io::Result<Self> {
        Self::carrying(server, carry::messages).await
    }

    async fn carrying<F: Future<Output = io::Result<()>> + Send + 'static>(
        server: &str,
        carry: fn(TcpStream, TcpStream, watch::Receiver<State>, Arc<Tally>) -> F,
    ) -> io::Result<Self> {
        let state = State { whole: true, slow: Duration::ZERO, mischief: None };
        let state = Arc::new(watch::Sender::new(state));
        let kept = Arc::clone(&state);
        let between = Between::start(server, move |client, server, tally| {
            carry(client, server, kept.subscribe(), tally)
        });
        Ok(Self { between: between.await?, state })
    }

    /// Where processes find the server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.between.port
    }

    /// How many messages something was done to.
    #[must_use]
    pub fn done(&self) -> usize {
        self.between.done()
    }

    /// To how many it could have been done.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.between.seen()
    }

    /// Pulls it.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.whole = false);
    }

    /// Puts it back. What waited goes on its way.
    pub fn mend(&self) {
        self.state.send_modify(|state| state.whole = true);
    }

    /// Everything takes so much longer, in each direction; zero: no longer.
    pub fn slow(&self, by: Duration) {
        self.state.send_modify(|state| state.slow = by);
    }

    /// Each `one_in`-th message comes to harm; none: no more.
    pub fn harm(&self, mischief: Option<(Mischief, usize)>) {
        self.state.send_modify(|state| state.mischief = mischief);
    }
}
