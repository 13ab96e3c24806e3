//! HTTP requests as every call makes them: guarded, bounded, and followed only as allowed.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use kintsugi_egress::{Forbidden, Guarded};
use kintsugi_worker::Failure;
use reqwest::{
    Certificate, Client, Method, StatusCode, Url,
    header::{
        AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION,
        PROXY_AUTHORIZATION, TRANSFER_ENCODING,
    },
    redirect,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::{Error, HttpConfig, auth::Session, http::retry_after, sensitive::Sensitive};

/// Sends requests.
pub(crate) struct Web {
    client: Client,
    /// Authorities that are trusted besides those of the system (PEM).
    pub(crate) authorities: Option<Vec<u8>>,
    pub(crate) config: HttpConfig,
}

/// A request.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether redirects are followed.
    pub(crate) follow: bool,
    /// When the answer must be there.
    pub(crate) until: Option<Instant>,
}

/// A response that was read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Outgoing {
    /// A GET without anything else.
    pub(crate) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Vec::new(),
            follow: false,
            until: None,
        }
    }

    fn left(&self, most: Duration) -> Duration {
        let left = self.until.map(|end| end.saturating_duration_since(Instant::now()));
        left.unwrap_or(most).min(most)
    }
}

impl Web {
    pub(crate) fn new(config: &HttpConfig) -> Result<Self, Error> {
        // The TLS library wants one provider of cryptography per process. Somebody else's is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read = config.ca.as_deref().map(authorities).transpose()?;
        let (authorities, certificates) = read.unzip();
        let certificates = certificates.unwrap_or_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            // Besides those that the system trusts.
            .tls_certs_merge(certificates)
            .connect_timeout(config.connect_timeout)
            .dns_resolver(Guarded::shared(config.allowed()))
            // A proxy would resolve names itself, past the guard.
            .no_proxy()
            .user_agent(concat!("kintsugi/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Error::Http)?;
        Ok(Self { client, authorities, config: config.clone() })
    }

    /// Sends a request, and reads the answer whole.
    pub(crate) async fn send(
        &self,
        request: &Outgoing,
        session: &Session<'_>,
    ) -> Result<Answer, Failure> {
        let answer = self.open(request, session).await?;
        self.read(answer).await
    }

    /// Sends a request; the answer's body is still to be read.
    pub(crate) async fn open(
        &self,
        request: &Outgoing,
        session: &Session<'_>,
    ) -> Result<reqwest::Response, Failure> {
        let (mut request, end) =
            (request.clone(), Instant::now() + request.left(self.config.timeout));
        request.until = Some(end);
        let mut redirects = 0;
        loop {
            let answer = if redirects == 0 {
                self.counted(&request, session).await?
            } else {
                // Where it leads is none of what the task calls: it goes there, whatever is known of it.
                self.once(&request).await?
            };
            let Some(next) = next(&request, &answer)? else { return Ok(answer) };
            redirects += 1;
            if redirects > self.config.redirects_max {
                let message = format!("more than {} redirects", self.config.redirects_max);
                return Err(Failure::fatal(message).kind("communication"));
            }
            request.turn_to(next, answer.status(), session.sensitive)?;
        }
    }

    /// Sends a request, unless its target is left alone, and says how that went.
    async fn counted(
        &self,
        request: &Outgoing,
        session: &Session<'_>,
    ) -> Result<reqwest::Response, Failure> {
        let calling = session.context.calling(&target(&request.url))?;
        let answer = self.once(request).await;
        match &answer {
            Ok(answer) if is_down(answer.status()) => {
                calling.failed(retry_after(answer.status(), answer.headers()));
            }
            Ok(_) => calling.answered(),
            Err(failure) if !failure.is_fatal() => calling.failed(None),
            // It was not sent, or must not be.
            Err(_) => drop(calling),
        }
        answer
    }

    async fn once(&self, request: &Outgoing) -> Result<reqwest::Response, Failure> {
        kintsugi_egress::check(&request.url, self.config.allowed())
            .map_err(|error| forbidden(&error))?;
        let mut sent = self
            .client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .timeout(request.left(self.config.timeout));
        if !request.body.is_empty() {
            sent = sent.body(request.body.clone());
        }
        sent.send().await.map_err(failed)
    }

    /// Reads the body, and stops where it gets too long.
    pub(crate) async fn read(&self, mut answer: reqwest::Response) -> Result<Answer, Failure> {
        let max = self.config.body_max;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > max {
                let message = format!("the service answered with more than {max} bytes");
                return Err(Failure::fatal(message).kind("communication"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: answer.status(), headers: answer.headers().clone(), body })
    }
}

impl Outgoing {
    /// Becomes the request that a redirect asks for (RFC 9110, 15.4).
    fn turn_to(
        &mut self,
        next: Url,
        status: StatusCode,
        sensitive: &Sensitive,
    ) -> Result<(), Failure> {
        let to_get = match status.as_u16() {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if to_get {
            self.method = Method::GET;
            self.body.clear();
            for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
                self.headers.remove(name);
            }
        }
        if next.origin() != self.url.origin() {
            self.leave_secrets_behind(sensitive)?;
        }
        self.url = next;
        Ok(())
    }

    /// Another host is none of those that the secrets are for.
    fn leave_secrets_behind(&mut self, sensitive: &Sensitive) -> Result<(), Failure> {
        for name in [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE] {
            self.headers.remove(name);
        }
        let mut kept = HeaderMap::new();
        for (name, value) in &self.headers {
            if !sensitive.is_in(value.as_bytes()) {
                kept.append(name, value.clone());
            }
        }
        self.headers = kept;
        if sensitive.is_in(&self.body) {
            let message = "a redirect to another host is not followed with a secret in the body";
            return Err(Failure::fatal(message).kind("communication"));
        }
        Ok(())
    }
}

/// The authorities in a file, as they stand there and as certificates.
fn authorities(file: &Path) -> Result<(Vec<u8>, Vec<Certificate>), Error> {
    let refused = |why: String| Error::Authorities { file: file.to_owned(), why };
    let bytes = std::fs::read(file).map_err(|error| refused(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&bytes).map_err(|_| refused("not PEM".to_owned()))?;
    if found.is_empty() {
        return Err(refused("no `-----BEGIN CERTIFICATE-----` in it".to_owned()));
    }
    // One that cannot be read would be an error of the whole client, which does not say where it is.
    let mut store = rustls::RootCertStore::empty();
    for (number, der) in CertificateDer::pem_slice_iter(&bytes).enumerate() {
        let added = der.map_err(|error| error.to_string());
        let added = added.and_then(|der| store.add(der).map_err(|error| error.to_string()));
        added.map_err(|why| refused(format!("certificate {}: {why}", number + 1)))?;
    }
    Ok((bytes, found))
}

/// What is called, as the engine is told: nothing else of a URL may be said.
fn target(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}

/// Whether a status says that nobody is there who could do what is asked, or that it is too much now: what
/// Envoy calls failures of a gateway, and 429. Any other is an answer of whom was called, 500 too, which may
/// be about one path or one request only.
fn is_down(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502..=504)
}

/// Where a redirect leads; none: the answer is no redirect, or the call does not follow any.
fn next(request: &Outgoing, answer: &reqwest::Response) -> Result<Option<Url>, Failure> {
    let turns = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(to) = answer.headers().get(LOCATION).filter(|_| request.follow && turns) else {
        return Ok(None);
    };
    let bad = |why: &str| Failure::fatal(format!("a redirect {why}")).kind("communication");
    let to = to.to_str().ok().and_then(|to| request.url.join(to).ok());
    let to = to.ok_or_else(|| bad("leads to something that is not a URL"))?;
    match (request.url.scheme(), to.scheme()) {
        (_, "https") | ("http", "http") => Ok(Some(to)),
        (from, to) => Err(bad(&format!("from `{from}` to `{to}` is not followed"))),
    }
}

/// No answer. Whether trying again helps depends on why.
pub(crate) fn failed(error: reqwest::Error) -> Failure {
    // The URL may hold secrets; the workflow's author knows it anyway.
    let error = error.without_url();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(one) = cause {
        if let Some(error) = one.downcast_ref::<Forbidden>() {
            return forbidden(error);
        }
        cause = one.source();
    }
    if error.is_builder() {
        return Failure::fatal(Failure::from(error).message()).kind("validation");
    }
    if error.is_timeout() {
        return Failure::from(error).kind("timeout").status(408);
    }
    Failure::from(error).kind("communication")
}

/// The guard refused an address.
pub(crate) fn forbidden(error: &Forbidden) -> Failure {
    let why = format!("{error}, and `worker.http.allow` is `public`");
    Failure::fatal(why).kind("authorization").status(403)
}

/// A host was not found, or has no address that may be called.
pub(crate) fn unreachable(error: std::io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Forbidden>()) {
        Some(refused) => forbidden(refused),
        None => Failure::from(error).kind("communication"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_that_nobody_is_there_counts_against_a_target() {
        for status in 400..600 {
            let says_so = is_down(StatusCode::from_u16(status).unwrap());
            assert_eq!(says_so, matches!(status, 429 | 502 | 503 | 504), "{status}");
        }
    }
}
