//! Messages of the broker's protocol (<https://docs.nats.io/reference/reference-protocols/nats-protocol>),
//! as far as it takes to tell one from the next and what each is for.

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Subjects whose messages a stream of the engine keeps. Requests and answers are not among them: no
/// network doubles those.
const KEPT: [&str; 6] = [
    "kintsugi.events.",
    "kintsugi.tasks.",
    "kintsugi.in.",
    "kintsugi.cloudevents.",
    "kintsugi.life.",
    "kintsugi.dead.",
];

/// Acknowledgements of what was delivered.
const ACKS: &str = "$JS.ACK.";

/// A line, and what follows it.
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    line: usize,
}

/// What comes next; none at the end of the connection.
pub(super) async fn next(
    from: &mut (impl AsyncBufRead + Unpin),
) -> std::io::Result<Option<Message>> {
    let mut bytes = Vec::new();
    if from.read_until(b'\n', &mut bytes).await? == 0 {
        return Ok(None);
    }
    let line = bytes.len();
    let text = String::from_utf8_lossy(&bytes);
    let mut words = text.split_whitespace();
    if let Some("PUB" | "HPUB" | "MSG" | "HMSG") = words.next() {
        // The last word is the size of what follows, headers included, without its line's end.
        let size = words.next_back().and_then(|size| size.parse::<usize>().ok()).unwrap_or(0);
        bytes.resize(line + size + 2, 0);
        from.read_exact(&mut bytes[line..]).await?;
    }
    Ok(Some(Message { bytes, line }))
}

impl Message {
    fn words(&self) -> Vec<&str> {
        let line = std::str::from_utf8(&self.bytes[..self.line]).unwrap_or_default();
        line.split_whitespace().collect()
    }

    fn subject<'m>(words: &[&'m str]) -> &'m str {
        words.get(1).copied().unwrap_or_default()
    }

    /// Whether it is published to a stream of the engine.
    pub(super) fn is_for_a_stream(&self) -> bool {
        let words = self.words();
        matches!(words.first(), Some(&("PUB" | "HPUB"))) && is_kept(Self::subject(&words))
    }

    /// Whether somebody else sends it again when it is lost: what is for a stream or comes from one, and
    /// acknowledgements.
    pub(super) fn may_be_lost(&self) -> bool {
        let words = self.words();
        let subject = Self::subject(&words);
        match words.first() {
            Some(&("PUB" | "HPUB")) => is_kept(subject) || subject.starts_with(ACKS),
            Some(&("MSG" | "HMSG")) => is_kept(subject),
            _ => false,
        }
    }

    /// The same message once more, without the id by which the stream would know it for a repeat, and
    /// without anybody who waits for its answer.
    pub(super) fn copy(&self) -> Option<Vec<u8>> {
        let is_id = |line: &str| line.to_ascii_lowercase().starts_with("nats-msg-id:");
        self.once_more(|line| !is_id(line))
    }

    /// The same with its id, as by a client that did not hear that it was stored.
    pub(super) fn repeat(&self) -> Option<Vec<u8>> {
        self.once_more(|_| true)
    }

    fn once_more(&self, keeps: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
        let words = self.words();
        let subject = Self::subject(&words);
        let body = &self.bytes[self.line..];
        if words.first() == Some(&"PUB") {
            return Some(
                [format!("PUB {subject} {}\r\n", body.len() - 2).as_bytes(), body].concat(),
            );
        }
        let length: usize = words.get(words.len().checked_sub(2)?)?.parse().ok()?;
        let (headers, payload) = body.split_at_checked(length)?;
        let headers = std::str::from_utf8(headers).ok()?;
        let headers: String = headers.split_inclusive("\r\n").filter(|line| keeps(line)).collect();
        let (length, total) = (headers.len(), headers.len() + payload.len() - 2);
        let line = format!("HPUB {subject} {length} {total}\r\n");
        Some([line.as_bytes(), headers.as_bytes(), payload].concat())
    }
}

fn is_kept(subject: &str) -> bool {
    KEPT.iter().any(|kept| subject.starts_with(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(mut bytes: &[u8]) -> Vec<Message> {
        let mut found = Vec::new();
        while let Some(message) = next(&mut bytes).await.unwrap() {
            found.push(message);
        }
        found
    }

    #[tokio::test]
    async fn messages_are_told_from_each_other() {
        let said = b"PING\r\nPUB kintsugi.tasks.a.b _INBOX.1 4\r\nP\r\nQ\r\nHPUB kintsugi.life.x 12 14\r\n\
            NATS/1.0\r\n\r\nok\r\nMSG kintsugi.in.start.a.b 1 $JS.ACK.x 0\r\n\r\nPUB $JS.ACK.x 4\r\n+ACK\r\n\
            PUB kintsugi.api.info 0\r\n\r\n";
        let found = all(said).await;
        let whole: Vec<u8> = found.iter().flat_map(|message| message.bytes.clone()).collect();
        assert_eq!(whole, said);
        let said: Vec<_> =
            found.iter().map(|one| (one.is_for_a_stream(), one.may_be_lost())).collect();
        let (never, lost, both) = ((false, false), (false, true), (true, true));
        assert_eq!(said, [never, both, both, lost, lost, never]);
    }

    #[tokio::test]
    async fn a_copy_is_no_repeat_to_the_stream_and_a_repeat_is_one() {
        let said = b"HPUB kintsugi.tasks.a.b _INBOX.1 46 48\r\n\
            NATS/1.0\r\nNats-Msg-Id: one\r\nTrace: 0123456\r\n\r\nok\r\n";
        let copy = all(said).await[0].copy().unwrap();
        let text = String::from_utf8(copy.clone()).unwrap();
        assert_eq!(
            text,
            "HPUB kintsugi.tasks.a.b 28 30\r\nNATS/1.0\r\nTrace: 0123456\r\n\r\nok\r\n"
        );
        assert_eq!(all(&copy).await.len(), 1);
        let repeat = String::from_utf8(all(said).await[0].repeat().unwrap()).unwrap();
        assert_eq!(repeat, String::from_utf8_lossy(said).replace("_INBOX.1 ", ""));
    }
}
