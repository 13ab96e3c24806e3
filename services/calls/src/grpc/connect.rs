//! A connection to an address that may be called.

use std::sync::{Arc, Mutex, PoisonError};

use hyper_util::rt::TokioIo;
use kintsugi_worker::Failure;
use tokio::net::TcpStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::Arguments;
use crate::{Attempt, http::invalid, web};

/// Bytes of the metadata of one answer.
const METADATA_MAX: u32 = 64 << 10;

/// Connects. The address is looked at here, after its name is resolved, and is the one that the
/// connection then uses.
pub(super) async fn channel(
    attempt: &Attempt<'_>,
    arguments: &Arguments,
) -> Result<Channel, Failure> {
    let (web, host, port) = (&attempt.calls.web, &arguments.host, arguments.port);
    let found = kintsugi_egress::addresses(host, port, web.config.allowed()).await;
    let addresses = found.map_err(web::unreachable)?;
    let within = web.config.connect_timeout;
    let stream = tokio::time::timeout(within, TcpStream::connect(&addresses[..])).await;
    let stream = stream.map_err(|_| late())?.map_err(web::unreachable)?;
    let endpoint = endpoint(attempt, arguments)?;
    // The stream is used once: who needs another one makes another attempt.
    let stream = Arc::new(Mutex::new(Some(stream)));
    let connector = tower::service_fn(move |_| {
        let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = || std::io::Error::other("the connection ended");
        std::future::ready(stream.map(TokioIo::new).ok_or_else(ended))
    });
    let connected = tokio::time::timeout(within, endpoint.connect_with_connector(connector)).await;
    connected.map_err(|_| late())?.map_err(|error| Failure::from(error).kind("communication"))
}

fn late() -> Failure {
    let message = "the service could not be connected to in time";
    Failure::retryable(message).kind("timeout").status(408)
}

fn endpoint(attempt: &Attempt<'_>, arguments: &Arguments) -> Result<Endpoint, Failure> {
    let (host, port) = (&arguments.host, arguments.port);
    let scheme = if arguments.tls { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{host}:{port}"))
        .map_err(|error| invalid(format!("`{host}:{port}` is not an address: {error}")))?
        .user_agent(concat!("kintsugi/", env!("CARGO_PKG_VERSION")))
        .map_err(Failure::from)?
        .http2_max_header_list_size(METADATA_MAX);
    if !arguments.tls {
        return Ok(endpoint);
    }
    let mut tls = ClientTlsConfig::new().with_native_roots().domain_name(host);
    if let Some(authorities) = &attempt.calls.web.authorities {
        tls = tls.ca_certificate(Certificate::from_pem(authorities));
    }
    endpoint.tls_config(tls).map_err(|error| {
        let message = Failure::from(error).message().to_owned();
        Failure::fatal(format!("TLS cannot be set up: {message}")).kind("configuration").status(500)
    })
}
