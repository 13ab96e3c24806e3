//! Somebody else's NATS server: what workflows send there and take from there.
//!
//! Nothing of the engine goes over such a connection; it lives as long as one call.

use std::{collections::BTreeMap, fmt, net::SocketAddr, time::Duration};

use async_nats::{Client, ConnectOptions, HeaderMap, HeaderName, ServerAddr};
use futures::StreamExt;

/// Why somebody else's server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not reached, or did not answer in time. Asking again may help.
    #[error("cannot {action}")]
    Unavailable {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: Source,
    },
    /// It cannot be asked this.
    #[error("the server cannot be asked to {action}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// Why.
        source: Source,
    },
}

/// What is behind an error.
type Source = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    fn unavailable(action: &'static str, source: impl Into<Source>) -> Self {
        Self::Unavailable { action, source: source.into() }
    }

    fn refused(action: &'static str, source: impl Into<Source>) -> Self {
        Self::Refused { action, source: source.into() }
    }
}

/// How to reach somebody else's server.
pub struct Options {
    /// Where it may be.
    pub addresses: Vec<SocketAddr>,
    /// The name that its certificate must have; none: in clear.
    pub tls: Option<String>,
    /// Whom the call comes from.
    pub login: Option<Login>,
    /// How long connecting may take.
    pub within: Duration,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("addresses", &self.addresses)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// Whom a call comes from.
pub enum Login {
    /// A name and a password.
    Password(String, String),
    /// A token.
    Token(String),
}

/// A connection to somebody else's server.
#[derive(Debug)]
pub struct Connection(Client);

/// Messages of a subject, from when it was subscribed to.
#[derive(Debug)]
pub struct Messages {
    subscriber: async_nats::Subscriber,
    /// Kept open.
    _client: Client,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its headers; of several values under one name, the last.
    pub headers: BTreeMap<String, String>,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Connection {
    /// Connects once.
    ///
    /// # Errors
    ///
    /// When the server is not reached, or refuses.
    pub async fn connect(options: Options) -> Result<Self, Error> {
        let action = "connect to the server";
        let connect = ConnectOptions::new()
            .name("kintsugi")
            .connection_timeout(options.within)
            .max_reconnects(1)
            // Other members of its cluster were not checked.
            .ignore_discovered_servers();
        let connect = match options.login {
            Some(Login::Password(user, password)) => connect.user_and_password(user, password),
            Some(Login::Token(token)) => connect.token(token),
            None => connect,
        };
        let mut servers = Vec::new();
        for address in &options.addresses {
            let url = match &options.tls {
                // The certificate is checked against the name in the URL.
                Some(name) => format!("tls://{name}:{}", address.port()),
                None => format!("nats://{address}"),
            };
            let server: ServerAddr =
                url.parse().map_err(|error: std::io::Error| Error::refused(action, error))?;
            servers.push(server);
        }
        let connect = connect.require_tls(options.tls.is_some());
        let connected = tokio::time::timeout(options.within, connect.connect(servers)).await;
        match connected {
            Ok(Ok(client)) => Ok(Self(client)),
            Ok(Err(error)) => Err(Error::unavailable(action, error)),
            Err(_) => Err(Error::unavailable(action, "it does not answer")),
        }
    }

    /// Sends a message, and waits until the server has it.
    ///
    /// # Errors
    ///
    /// When the subject cannot be one, or the server does not answer.
    pub async fn publish(
        &self,
        subject: &str,
        headers: &BTreeMap<String, String>,
        payload: Vec<u8>,
        within: Duration,
    ) -> Result<(), Error> {
        let action = "send a message";
        let headers = to_send(headers).map_err(|source| Error::Refused { action, source })?;
        let subject = subject.to_owned();
        let sent = async {
            let published = self.0.publish_with_headers(subject, headers, payload.into()).await;
            published.map_err(|error| Error::refused(action, error))?;
            self.0.flush().await.map_err(|error| Error::unavailable(action, error))
        };
        let done = tokio::time::timeout(within, sent).await;
        done.unwrap_or_else(|_| Err(Error::unavailable(action, "it does not answer")))
    }

    /// Subscribes to a subject; from when this returns, nothing is missed.
    ///
    /// # Errors
    ///
    /// When the subject cannot be one, or the server does not answer.
    pub async fn subscribe(self, subject: &str, within: Duration) -> Result<Messages, Error> {
        let action = "subscribe to the subject";
        let subscribed = async {
            let subscriber = self.0.subscribe(subject.to_owned()).await;
            let subscriber = subscriber.map_err(|error| Error::refused(action, error))?;
            self.0.flush().await.map_err(|error| Error::unavailable(action, error))?;
            Ok(subscriber)
        };
        let done = tokio::time::timeout(within, subscribed).await;
        let subscriber =
            done.unwrap_or_else(|_| Err(Error::unavailable(action, "it does not answer")))?;
        Ok(Messages { subscriber, _client: self.0 })
    }
}

impl Messages {
    /// The next message; none: the connection is over.
    pub async fn next(&mut self) -> Option<Message> {
        let message = self.subscriber.next().await?;
        let headers = message.headers.iter().flat_map(HeaderMap::iter).filter_map(|(name, all)| {
            let last = all.last()?;
            Some((name.to_string(), last.to_string()))
        });
        Some(Message { headers: headers.collect(), payload: message.payload.to_vec() })
    }
}

/// Headers as they are sent; a line break in one would be another header.
fn to_send(headers: &BTreeMap<String, String>) -> Result<HeaderMap, Source> {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse()?;
        all.append(name, value.replace(['\r', '\n'], " "));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_headers_do_no_harm() {
        let headers = |name: &str| BTreeMap::from([(name.to_owned(), "one\r\ntwo".to_owned())]);
        let sent = to_send(&headers("Name")).unwrap();
        assert_eq!(sent.get("Name").map(|value| value.as_str()), Some("one  two"));
        assert!(to_send(&headers("a b: c")).is_err());
    }
}
