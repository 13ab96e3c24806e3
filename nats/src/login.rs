//! How to reach the broker, and as whom.
//!
//! What contradicts itself is refused before anything is sent: a connection that was meant to be private
//! must not come about in the open.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use async_nats::{ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;

use crate::Error;

const TAKE_ADDRESS: &str = "take the address";
const TAKE_LOGIN: &str = "take the login";
const TAKE_TLS: &str = "take the TLS settings";

/// How to reach the broker.
#[derive(Clone)]
pub struct Options {
    /// `nats://host:port`, several with commas; `tls://host:port` for an encrypted connection to a
    /// server whose certificate is checked.
    pub url: String,
    /// What the broker shows for this connection.
    pub name: String,
    /// User, together with `password`.
    pub user: Option<String>,
    /// Password, together with `user`.
    pub password: Option<String>,
    /// A token instead.
    pub token: Option<String>,
    /// A credentials file (JWT and key) instead.
    pub credentials: Option<PathBuf>,
    /// A file with the seed of an nkey instead.
    pub nkey: Option<PathBuf>,
    /// Certificates (PEM) that the server's is checked against, instead of the system's. Wants
    /// `tls://`.
    pub ca: Option<PathBuf>,
    /// Our own certificate (PEM), together with `key`. Wants `tls://`.
    pub certificate: Option<PathBuf>,
    /// The key of `certificate` (PEM).
    pub key: Option<PathBuf>,
    /// How long [`crate::Bus::connect`] tries before it gives up. Default: 10 s.
    pub wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            name: "kintsugi".to_owned(),
            user: None,
            password: None,
            token: None,
            credentials: None,
            nkey: None,
            ca: None,
            certificate: None,
            key: None,
            wait: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for Options {
    /// Secrets are left out, also those within the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("url", &self.shown_url())
            .field("name", &self.name)
            .field("user", &self.user)
            .field("credentials", &self.credentials)
            .field("nkey", &self.nkey)
            .field("ca", &self.ca)
            .field("certificate", &self.certificate)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// The URL without the login that it may hold: for files, logs and people.
    #[must_use]
    pub fn shown_url(&self) -> String {
        let shown = self.urls().map(|url| match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
            (None, Some((_, host))) => host.to_owned(),
            (_, None) => url.to_owned(),
        });
        shown.collect::<Vec<_>>().join(",")
    }

    fn urls(&self) -> impl Iterator<Item = &str> {
        self.url.split(',').map(str::trim)
    }

    /// The addresses, as the client's library takes them.
    ///
    /// # Errors
    ///
    /// When one is none.
    pub(crate) fn addresses(&self) -> Result<Vec<ServerAddr>, Error> {
        let address = |url: &str| {
            url.parse::<ServerAddr>().map_err(|error| Error::refused(TAKE_ADDRESS, error))
        };
        self.urls().map(address).collect()
    }

    /// The login in the URL, which the library passes over: user and password, or as user alone a
    /// token, as NATS has it. It may stand at any of the servers, but must be the same.
    fn login_in_url(&self) -> Result<Option<(String, Option<String>)>, Error> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut login = None;
        for address in self.addresses()? {
            let Some(user) = address.username() else { continue };
            let found = (decoded(user), address.password().map(decoded));
            if login.as_ref().is_some_and(|login| *login != found) {
                return Err(Error::refused(TAKE_LOGIN, "the servers in the URL have two"));
            }
            login = Some(found);
        }
        Ok(login)
    }

    /// What the client's library is told of addresses, TLS and login.
    ///
    /// # Errors
    ///
    /// When the options contradict each other, or a file that they name cannot be used.
    pub(crate) async fn client(&self) -> Result<ConnectOptions, Error> {
        let encrypted = self.encrypted()?;
        let client = self.with_login(ConnectOptions::new()).await?;
        if !encrypted {
            return Ok(client);
        }
        // Said again for the servers that the first one tells of: those come without a scheme.
        let mut client = client.require_tls(true);
        if let Some(ca) = &self.ca {
            read_pem(ca, "CERTIFICATE").await?;
            client = client.add_root_certificates(ca.clone());
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            read_pem(certificate, "CERTIFICATE").await?;
            read_pem(key, "PRIVATE KEY").await?;
            client = client.add_client_certificate(certificate.clone(), key.clone());
        }
        Ok(client)
    }

    /// Whether every address asks for TLS; some that do and some that do not are a mistake.
    fn encrypted(&self) -> Result<bool, Error> {
        let mut encrypted = Vec::new();
        for url in self.urls() {
            encrypted.push(match url.split_once("://").map_or("nats", |(scheme, _)| scheme) {
                "nats" => false,
                "tls" => true,
                other => {
                    let why = format!("its scheme is `{other}`; write `nats://…` or `tls://…`");
                    return Err(Error::refused(TAKE_ADDRESS, why));
                }
            });
        }
        let all = encrypted.iter().all(|one| *one);
        if !all && encrypted.contains(&true) {
            let why = "some of its parts say `tls://` and some do not; all or none must";
            return Err(Error::refused(TAKE_ADDRESS, why));
        }
        if self.certificate.is_some() != self.key.is_some() {
            let why = "a certificate and its key must be given together";
            return Err(Error::refused(TAKE_TLS, why));
        }
        if !all && (self.ca.is_some() || self.certificate.is_some()) {
            let why = "certificates are given, but the URL says `nats://`; write `tls://…`";
            return Err(Error::refused(TAKE_TLS, why));
        }
        Ok(all)
    }

    async fn with_login(&self, client: ConnectOptions) -> Result<ConnectOptions, Error> {
        let in_url = self.login_in_url()?;
        let user = self.user.is_some() || self.password.is_some();
        let files = [&self.credentials, &self.nkey].map(Option::is_some);
        let kinds = [in_url.is_some(), user, self.token.is_some(), files[0], files[1]];
        if kinds.into_iter().filter(|given| *given).count() > 1 {
            let why = "give one of: a login in the URL, user and password, a token, a credentials \
                       file, an nkey file";
            return Err(Error::refused(TAKE_LOGIN, why));
        }
        match in_url {
            Some((user, Some(password))) => return Ok(client.user_and_password(user, password)),
            Some((token, None)) => return Ok(client.token(token)),
            None => {}
        }
        match (&self.user, &self.password) {
            (Some(user), Some(password)) => {
                return Ok(client.user_and_password(user.clone(), password.clone()));
            }
            (None, None) => {}
            _ => return Err(Error::refused(TAKE_LOGIN, "give user and password together")),
        }
        if let Some(token) = &self.token {
            return Ok(client.token(token.clone()));
        }
        if let Some(file) = &self.credentials {
            let read = client.credentials_file(file).await;
            return read.map_err(|error| unreadable(file, &error));
        }
        if let Some(file) = &self.nkey {
            let text = read(file).await?;
            let seed = text.lines().map(str::trim).find(|line| line.starts_with('S'));
            let Some(seed) = seed else {
                let why = format!("{} holds no seed of an nkey", file.display());
                return Err(Error::refused(TAKE_LOGIN, why));
            };
            return Ok(client.nkey(seed.to_owned()));
        }
        Ok(client)
    }
}

async fn read(file: &Path) -> Result<String, Error> {
    tokio::fs::read_to_string(file).await.map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Error {
    Error::refused("connect", format!("cannot read {}: {error}", file.display()))
}

/// The client's library takes a file without any certificate for one with none to trust.
async fn read_pem(file: &Path, what: &str) -> Result<(), Error> {
    let is_one = |line: &str| line.starts_with("-----BEGIN ") && line.contains(what);
    if read(file).await?.lines().any(is_one) {
        return Ok(());
    }
    let why = format!("{} holds no {} (PEM)", file.display(), what.to_lowercase());
    Err(Error::refused(TAKE_TLS, why))
}

#[cfg(test)]
#[path = "../tests/unit/login.rs"]
mod tests;
