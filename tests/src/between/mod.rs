//! What troubles an engine all the time. The proxies themselves are those of `kintsugi chaos`.

mod database;

pub use kintsugi_chaos::between::Cable;
pub(crate) use kintsugi_chaos::between::{Between, Mischief};
use tokio::io::{AsyncRead, AsyncReadExt};

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

/// What stands between services and a server.
pub(crate) enum Stands {
    /// Before the broker.
    Cable(Cable),
    /// Before the database.
    Severed(Between),
}

impl Stands {
    /// Where services find it.
    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Cable(cable) => cable.port(),
            Self::Severed(between) => between.port,
        }
    }

    /// How often it did what it is there for, and how often it could have done it.
    pub(crate) fn done(&self) -> (usize, usize) {
        match self {
            Self::Cable(cable) => (cable.done(), cable.seen()),
            Self::Severed(between) => (between.done(), between.seen()),
        }
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
