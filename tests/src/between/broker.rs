//! Publishes twice what services publish to the engine's streams.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::{Between, read_more};

/// Subjects whose messages a stream of the engine keeps. Requests, answers and acknowledgements are
/// not among them: no network doubles those.
const KEPT: [&str; 6] = [
    "kintsugi.events.",
    "kintsugi.tasks.",
    "kintsugi.in.",
    "kintsugi.cloudevents.",
    "kintsugi.life.",
    "kintsugi.dead.",
];

/// Stands before the broker at `port`: each message for a stream is followed by a copy that nobody
/// waits for, without the id by which the stream would know it for a repeat.
pub(crate) async fn doubled(port: u16) -> Between {
    Between::start(port, |client, server, tally| async move {
        let (from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let back = async { tokio::io::copy(&mut from_server, &mut to_client).await.map(|_| ()) };
        let mut from_client = BufReader::new(from_client);
        let forth = async {
            while let Some(message) = message(&mut from_client).await? {
                to_server.write_all(&message.bytes).await?;
                if let Some(copy) = message.copy() {
                    to_server.write_all(&copy).await?;
                    tally.seen.fetch_add(1, Ordering::Relaxed);
                    tally.done.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok(())
        };
        // Either end ends both.
        tokio::select! { ended = back => ended, ended = forth => ended }
    })
    .await
}

/// A line, and what follows it.
struct Message {
    bytes: Vec<u8>,
    line: usize,
}

/// What a client says next; none at the end of the connection.
async fn message(from: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<Message>> {
    let mut bytes = Vec::new();
    if from.read_until(b'\n', &mut bytes).await? == 0 {
        return Ok(None);
    }
    let line = bytes.len();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if let Some("PUB" | "HPUB") = text.split_whitespace().next() {
        let size = text.split_whitespace().last().and_then(|size| size.parse::<usize>().ok());
        read_more(from, &mut bytes, size.unwrap_or(0) + 2).await?;
    }
    Ok(Some(Message { bytes, line }))
}

impl Message {
    /// The same message once more, if it is one for a stream.
    fn copy(&self) -> Option<Vec<u8>> {
        let line = std::str::from_utf8(&self.bytes[..self.line]).ok()?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let subject = words.get(1).filter(|one| KEPT.iter().any(|kept| one.starts_with(kept)))?;
        let body = &self.bytes[self.line..];
        if words[0] == "PUB" {
            return Some(
                [format!("PUB {subject} {}\r\n", body.len() - 2).as_bytes(), body].concat(),
            );
        }
        let length: usize = words.get(words.len() - 2)?.parse().ok()?;
        let (headers, payload) = body.split_at_checked(length)?;
        let headers = std::str::from_utf8(headers).ok()?;
        let is_id = |line: &&str| line.to_ascii_lowercase().starts_with("nats-msg-id:");
        let headers: String = headers.split_inclusive("\r\n").filter(|line| !is_id(line)).collect();
        let (length, total) = (headers.len(), headers.len() + payload.len() - 2);
        let line = format!("HPUB {subject} {length} {total}\r\n");
        Some([line.as_bytes(), headers.as_bytes(), payload].concat())
    }
}
