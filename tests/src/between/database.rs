//! Kills an orchestrator between its commit and the answer that would tell it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
};

use super::{Between, Which, read_more};

/// What only the statement contains that makes a batch of inputs true.
const BATCH: &[u8] = b"INSERT INTO history";

/// The code of a client that asks for TLS, in place of a version.
const TLS_ASKED: [u8; 4] = [4, 210, 22, 47];

/// Stands before Postgres at `port`. When `which` batches have been committed, it calls `kill` and keeps
/// the answer to itself; those to the others are given. An orchestrator that never lived to publish what
/// it has committed would give out the same tasks anew for ever.
///
/// Postgres says that it is ready only after the commit, and whether a transaction is still open: a
/// batch is one statement without a transaction, or several in one.
pub(crate) async fn severed(
    port: u16,
    which: Which,
    kill: impl Fn() + Send + Sync + 'static,
) -> Between {
    let kill = Arc::new(kill);
    let server = format!("127.0.0.1:{port}");
    let between = Between::start(&server, move |client, server, tally| {
        let kill = Arc::clone(&kill);
        // Before the connection ends, by which the orchestrator would know of something.
        let committed = move || {
            let odd = tally.saw().is_multiple_of(2);
            let unheard = odd == (which == Which::Odd);
            if unheard {
                tally.did();
                kill();
            }
            unheard
        };
        async move {
            let (mut from_client, mut to_client) = client.into_split();
            let (from_server, mut to_server) = server.into_split();
            begin(&mut from_client, &mut to_client, &mut to_server).await?;
            let said = Mutex::new(Said::default());
            let forth = forth(from_client, to_server, &said);
            let back = back(from_server, to_client, &said, committed);
            tokio::select! { ended = forth => ended, ended = back => ended }
        }
    });
    between.await.unwrap()
}

/// What a client has said so far.
#[derive(Default)]
struct Said {
    /// Names of prepared statements that write a batch.
    batches: BTreeSet<Vec<u8>>,
    /// A batch is on its way, and not known to be committed or refused.
    open: bool,
}

/// The first message, which has no type; a wish for TLS is declined.
async fn begin(
    client: &mut OwnedReadHalf,
    answer: &mut OwnedWriteHalf,
    server: &mut OwnedWriteHalf,
) -> std::io::Result<()> {
    loop {
        let mut message = Vec::new();
        read_more(client, &mut message, 4).await?;
        read_rest(client, &mut message, 0).await?;
        if message.get(4..8) != Some(&TLS_ASKED) {
            return server.write_all(&message).await;
        }
        answer.write_all(b"N").await?;
    }
}

async fn read_rest(
    from: &mut OwnedReadHalf,
    message: &mut Vec<u8>,
    at: usize,
) -> std::io::Result<()> {
    let length: [u8; 4] = message[at..at + 4].try_into().unwrap();
    let rest = (u32::from_be_bytes(length) as usize).saturating_sub(4);
    read_more(from, message, rest).await
}

/// A message: its type, the length of what follows with itself, and what follows.
async fn message(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let mut message = vec![from.read_u8().await?];
    read_more(from, &mut message, 4).await?;
    read_rest(from, &mut message, 1).await?;
    Ok(message)
}

/// Carries what the client says, and notes what is a batch.
async fn forth(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    said: &Mutex<Said>,
) -> std::io::Result<()> {
    loop {
        let message = message(&mut client).await?;
        note(&mut said.lock().unwrap(), &message);
        server.write_all(&message).await?;
    }
}

fn note(said: &mut Said, message: &[u8]) {
    let mut texts = message[5..].split(|byte| *byte == 0);
    let (first, second) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
    match message[0] {
        // Parse: a name, then a statement.
        b'P' if second.windows(BATCH.len()).any(|part| part == BATCH) => {
            said.batches.insert(first.to_vec());
        }
        b'P' => {
            said.batches.remove(first);
        }
        // Bind: a portal, then the name of a statement.
        b'B' if said.batches.contains(second) => said.open = true,
        _ => {}
    }
}

/// Carries what the server says, but for the answer to a batch until it is known what became of it;
/// once it is committed, `committed` decides whether that answer is never given.
async fn back(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    said: &Mutex<Said>,
    committed: impl Fn() -> bool,
) -> std::io::Result<()> {
    let (mut kept, mut refused) = (Vec::new(), false);
    loop {
        let message = message(&mut server).await?;
        kept.extend_from_slice(&message);
        // An error, or the end of a transaction that was given up.
        refused |= message[0] == b'E' || message.get(5..13) == Some(b"ROLLBACK");
        let ready = message[0] == b'Z';
        let open = said.lock().unwrap().open;
        if open && !ready {
            continue;
        }
        if open && message[5] == b'I' {
            if !refused && committed() {
                return Ok(());
            }
            said.lock().unwrap().open = false;
        }
        if ready && message[5] == b'I' {
            refused = false;
        }
        client.write_all(&kept).await?;
        kept.clear();
    }
}
