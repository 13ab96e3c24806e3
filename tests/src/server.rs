//! A small HTTP server whose answers a test decides: what workflows call, and what webhooks reach.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use kintsugi_promises::Told;

/// What came.
#[derive(Clone, Debug)]
pub struct Request {
    /// For example `GET`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
    /// How many requests for the same path came before.
    pub before: usize,
}

/// What goes back.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
    after: Duration,
}

impl Answer {
    /// An answer with a status and nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// 200 with JSON.
    #[must_use]
    pub fn json(body: &serde_json::Value) -> Self {
        Self::status(200).header("content-type", "application/json").body(body.to_string())
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// A body.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Not before this time has passed.
    #[must_use]
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

/// The server. It ends with the test.
#[derive(Clone)]
pub struct Peer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Peer {
    /// Starts one on a free port.
    pub async fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at(0, answer).await
    }

    /// Starts one on a port.
    pub async fn start_at(
        port: u16,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start_on((Ipv4Addr::LOCALHOST, port).into(), answer).await
    }

    /// Starts one on a free port of all addresses of this machine, of which it answers at those of `127/8`.
    pub async fn start_on_loopback(
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let mut peer = Self::start_on((Ipv4Addr::UNSPECIFIED, 0).into(), answer).await;
        peer.address.set_ip(Ipv4Addr::LOCALHOST.into());
        peer
    }

    async fn start_on(
        address: SocketAddr,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                if !from.ip().is_loopback() {
                    continue;
                }
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                // A client that breaks off is its own affair.
                tokio::spawn(async move { serve(stream, &log, answer.as_ref()).await.ok() });
            }
        });
        Self { address, seen }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that came.
    #[must_use]
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The notifications among it that came to `path`, with whether `secret` signed them. Others may
    /// ask at a port that was somebody else's a moment ago.
    #[must_use]
    pub fn told(&self, path: &str, secret: &str) -> Vec<Told> {
        let header =
            |request: &Request, name: &str| request.headers.get(name).cloned().unwrap_or_default();
        let told = |request: Request| {
            let (id, at) = (header(&request, "webhook-id"), header(&request, "webhook-timestamp"));
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(format!("{id}.{at}.{}", request.body).as_bytes());
            let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
            let signed = header(&request, "webhook-signature") == format!("v1,{signature}");
            Told { id, signed, body: request.body }
        };
        self.seen().into_iter().filter(|request| request.path == path).map(told).collect()
    }
}

async fn serve(
    stream: TcpStream,
    log: &Mutex<Vec<Request>>,
    answer: &(impl Fn(&Request) -> Answer + Sync),
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let body = String::from_utf8_lossy(&body).into_owned();
    let request = {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        let before = log.iter().filter(|request| request.path == path).count();
        let request = Request { method, path, headers, body, before };
        log.push(request.clone());
        request
    };
    let Answer { status, headers, body, after } = answer(&request);
    tokio::time::sleep(after).await;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.flush().await
}
