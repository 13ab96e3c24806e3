//! The broker's plain text protocol, without a client that would see to it that what is sent makes
//! sense.

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// A connection.
pub struct Raw(BufReader<TcpStream>);

impl Raw {
    /// Connects to `nats://host:port`.
    pub async fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("nats://");
        let mut raw = Self(BufReader::new(TcpStream::connect(address).await.unwrap()));
        let options =
            "{\"verbose\":false,\"headers\":true,\"no_responders\":true,\"lang\":\"raw\"}";
        raw.send(format!("CONNECT {options}\r\n").as_bytes()).await;
        raw.flushed().await;
        raw
    }

    /// Publishes bytes.
    pub async fn publish(&mut self, subject: &str, payload: &[u8]) {
        self.send(format!("PUB {subject} {}\r\n", payload.len()).as_bytes()).await;
        self.send(payload).await;
        self.send(b"\r\n").await;
        self.flushed().await;
    }

    /// Publishes bytes under headers: lines that each end with CR LF.
    pub async fn publish_with(&mut self, subject: &str, headers: &str, payload: &[u8]) {
        let head = format!("NATS/1.0\r\n{headers}\r\n");
        let (of_head, all) = (head.len(), head.len() + payload.len());
        self.send(format!("HPUB {subject} {of_head} {all}\r\n{head}").as_bytes()).await;
        self.send(payload).await;
        self.send(b"\r\n").await;
        self.flushed().await;
    }

    /// Publishes, and waits for the first answer: its head and its body.
    pub async fn ask(&mut self, subject: &str, headers: &str, payload: &[u8]) -> (String, String) {
        self.send(b"SUB raw.answer 1\r\n").await;
        let head = format!("NATS/1.0\r\n{headers}\r\n");
        let (of_head, all) = (head.len(), head.len() + payload.len());
        let line = format!("HPUB {subject} raw.answer {of_head} {all}\r\n{head}");
        self.send(line.as_bytes()).await;
        self.send(payload).await;
        self.send(b"\r\n").await;
        loop {
            let line = self.line().await;
            let words: Vec<&str> = line.split_whitespace().collect();
            let (head, all) = match words.as_slice() {
                ["MSG", .., all] => (0, all.parse::<usize>().unwrap()),
                ["HMSG", .., head, all] => (head.parse().unwrap(), all.parse().unwrap()),
                ["PING"] => {
                    self.send(b"PONG\r\n").await;
                    continue;
                }
                _ => continue,
            };
            let mut bytes = vec![0; all + 2];
            self.0.read_exact(&mut bytes).await.unwrap();
            bytes.truncate(all);
            let body = String::from_utf8_lossy(&bytes[head..]).into_owned();
            self.send(b"UNSUB 1\r\n").await;
            return (String::from_utf8_lossy(&bytes[..head]).into_owned(), body);
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).await.unwrap();
        assert!(read > 0, "the broker closed the connection");
        line.trim_end().to_owned()
    }

    /// Waits until the broker has taken everything.
    async fn flushed(&mut self) {
        self.send(b"PING\r\n").await;
        loop {
            let line = self.line().await;
            match line.as_str() {
                "PONG" => return,
                "PING" => self.send(b"PONG\r\n").await,
                line => assert!(!line.starts_with("-ERR"), "the broker refuses: {line}"),
            }
        }
    }
}
