//! A server that answers as it is told, and whose answers can be changed.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kintsugi_egress::{Allow, Rules};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers paths with what is set, and remembers what it was asked.
pub struct Server {
    pub base: String,
    pub asked: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Server {
    /// `answers`: a path and a whole answer, in which `{base}` stands for the server itself.
    pub async fn start(answers: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { base, asked: Arc::default(), answers: Arc::default() };
        answers.iter().for_each(|(path, answer)| server.set(path, answer));
        let (answers, asked) = (Arc::clone(&server.answers), Arc::clone(&server.asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answers, asked) = (Arc::clone(&answers), Arc::clone(&asked));
                tokio::spawn(async move {
                    let mut head = [0; 2048];
                    let read = stream.read(&mut head).await.unwrap_or(0);
                    let text = String::from_utf8_lossy(&head[..read]).into_owned();
                    let path = text.split(' ').nth(1).unwrap_or("/").to_owned();
                    asked.lock().unwrap().push(path.clone());
                    let answer = answers.lock().unwrap().get(&path).cloned();
                    match answer.as_deref() {
                        Some("never") => tokio::time::sleep(Duration::from_secs(60)).await,
                        Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                        None => {
                            let gone = b"HTTP/1.1 404 Gone\r\ncontent-length: 0\r\n\r\n";
                            let _ = stream.write_all(gone).await;
                        }
                    }
                });
            }
        });
        server
    }

    /// One that stands at `base` and is asked nothing.
    pub fn at(base: String) -> Self {
        Self { base, asked: Arc::default(), answers: Arc::default() }
    }

    /// From now on the answer to `path`.
    pub fn set(&self, path: &str, answer: &str) {
        let answer = answer.replace("{base}", &self.base);
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

pub fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

pub fn anywhere() -> Rules {
    Rules { allow: Allow::Any, timeout: Duration::from_secs(2), ..Rules::default() }
}
