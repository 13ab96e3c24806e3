//! Carries what two ends say to each other, as a cable's state has it.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};

use super::{
    Tally,
    cable::{Mischief, State},
    message::{self, Message},
};

/// Pieces that are on their way at most; the sender waits then.
const UNDER_WAY_MAX: usize = 1_024;

/// A piece, and when it arrives.
type Piece = (Instant, Vec<u8>);

/// Carries bytes.
pub(super) async fn bytes(
    client: TcpStream,
    server: TcpStream,
    state: watch::Receiver<State>,
    _: Arc<Tally>,
) -> io::Result<()> {
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let forth = carry_bytes(from_client, to_server, state.clone());
    let back = carry_bytes(from_server, to_client, state);
    // Either end ends both.
    tokio::select! { ended = forth => ended, ended = back => ended }
}

async fn carry_bytes(
    mut from: OwnedReadHalf,
    to: OwnedWriteHalf,
    state: watch::Receiver<State>,
) -> io::Result<()> {
    let (way, arrivals) = mpsc::channel(UNDER_WAY_MAX);
    let seen = state.clone();
    let read = async move {
        let mut bytes = vec![0; 1 << 16];
        loop {
            let count = from.read(&mut bytes).await?;
            if count == 0 || way.send(due(&seen, bytes[..count].to_vec())).await.is_err() {
                return Ok(());
            }
        }
    };
    both(read, write(arrivals, to, state)).await
}

/// Carries messages of a broker's protocol.
pub(super) async fn messages(
    client: TcpStream,
    server: TcpStream,
    state: watch::Receiver<State>,
    tally: Arc<Tally>,
) -> io::Result<()> {
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let forth = carry_messages(from_client, to_server, state.clone(), &tally);
    let back = carry_messages(from_server, to_client, state, &tally);
    tokio::select! { ended = forth => ended, ended = back => ended }
}

async fn carry_messages(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    state: watch::Receiver<State>,
    tally: &Tally,
) -> io::Result<()> {
    let (way, arrivals) = mpsc::channel(UNDER_WAY_MAX);
    let mut from = BufReader::new(from);
    let seen = state.clone();
    let read = async move {
        while let Some(message) = message::next(&mut from).await? {
            let harm = harm(&message, &seen, tally);
            let copy = match harm {
                Some(Mischief::Drop) => continue,
                Some(Mischief::Delay(by)) => {
                    later(way.clone(), by, message.bytes);
                    continue;
                }
                Some(Mischief::Duplicate) => message.copy(),
                Some(Mischief::Repeat) => message.repeat(),
                None => None,
            };
            for bytes in [Some(message.bytes), copy].into_iter().flatten() {
                if way.send(due(&seen, bytes)).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    };
    both(read, write(arrivals, to, state)).await
}

/// Until there is nothing more to read, and all that was read is written; or it cannot be written.
async fn both(
    read: impl Future<Output = io::Result<()>>,
    write: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    let mut write = std::pin::pin!(write);
    tokio::select! {
        ended = read => ended?,
        ended = &mut write => return ended,
    }
    write.await
}

/// What is to be done to a message.
fn harm(message: &Message, state: &watch::Receiver<State>, tally: &Tally) -> Option<Mischief> {
    let (mischief, one_in) = state.borrow().mischief?;
    let fits = match mischief {
        Mischief::Drop => message.may_be_lost(),
        Mischief::Duplicate | Mischief::Repeat | Mischief::Delay(_) => message.is_for_a_stream(),
    };
    if !fits || !(tally.saw() + 1).is_multiple_of(one_in.max(1)) {
        return None;
    }
    tally.did();
    Some(mischief)
}

/// Others overtake it. It is gone with its connection.
fn later(way: mpsc::Sender<Piece>, by: Duration, bytes: Vec<u8>) {
    tokio::spawn(async move {
        sleep(by).await;
        let _ = way.send((Instant::now(), bytes)).await;
    });
}

fn due(state: &watch::Receiver<State>, bytes: Vec<u8>) -> Piece {
    (Instant::now() + state.borrow().slow, bytes)
}

async fn write(
    mut arrivals: mpsc::Receiver<Piece>,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    while let Some((at, bytes)) = arrivals.recv().await {
        sleep_until(at).await;
        if state.wait_for(|state| state.whole).await.is_err() {
            return Ok(());
        }
        to.write_all(&bytes).await?;
    }
    Ok(())
}
