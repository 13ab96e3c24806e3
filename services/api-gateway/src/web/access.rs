//! Who may come in.
//!
//! With a token: who sends it. Without: who reaches the address, which is loopback unless someone
//! said that something in front keeps others out. A browser reaches loopback too, and runs other
//! people's pages: so the name it was led here by must be ours (DNS rebinding), and a page of
//! another origin is refused (cross-site requests).

use std::net::{IpAddr, SocketAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use kintsugi_gateway_ops::{Config, Problem};
use poem::{
    Request,
    http::{StatusCode, header},
};
use sha2::{Digest, Sha256};

/// Why an address must not be served, if so.
pub(crate) fn refuse_open_address(config: &Config, address: SocketAddr) -> Option<String> {
    let fits = address.ip().is_loopback()
        || config.token.as_ref().is_some_and(|token| !token.expose().is_empty())
        || config.allow_unauthenticated_network;
    (!fits).then(|| {
        format!(
            "{address} can be reached from other machines: set gateway.token, or \
             gateway.allow_unauthenticated_network = true where something in front keeps them out"
        )
    })
}

/// Checks who is asking.
///
/// # Errors
///
/// 401 without the token where there is one; 403 for a foreign name or origin.
pub(super) fn check(config: &Config, request: &Request) -> Result<(), Problem> {
    let host =
        request.header(header::HOST).or_else(|| request.uri().authority().map(|a| a.as_str()));
    check_origin(config, request.header(header::ORIGIN), host)?;
    match &config.token {
        Some(token) => check_token(token.expose(), request.header(header::AUTHORIZATION)),
        None => check_host(config, host),
    }
}

fn check_token(token: &str, given: Option<&str>) -> Result<(), Problem> {
    let refused = || {
        let title = "the request needs the token: `Authorization: Bearer …`";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", title)
    };
    let (scheme, value) = given.and_then(|text| text.split_once(' ')).ok_or_else(refused)?;
    let value = value.trim();
    let fits = if scheme.eq_ignore_ascii_case("bearer") {
        same(value, token)
    } else if scheme.eq_ignore_ascii_case("basic") {
        let text = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.as_deref()
            .and_then(|text| text.split_once(':'))
            .is_some_and(|(_, password)| same(password, token))
    } else {
        false
    };
    if fits { Ok(()) } else { Err(refused()) }
}

/// Compares digests, so that the time taken says nothing about how much of the token was right.
fn same(given: &str, token: &str) -> bool {
    Sha256::digest(given) == Sha256::digest(token)
}

fn check_host(config: &Config, host: Option<&str>) -> Result<(), Problem> {
    // No browser leaves it out.
    let Some(host) = host else { return Ok(()) };
    let name = host_name(host);
    let fits = is_local_name(name)
        || name.parse::<IpAddr>().is_ok()
        || config.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
    if fits {
        return Ok(());
    }
    let shown: String = name.chars().take(80).collect();
    let title = format!("the host name `{shown}` is not one of this gateway's");
    let problem = Problem::new(StatusCode::FORBIDDEN, "forbidden_host", title);
    Err(problem.detail("add it to gateway.allowed_hosts if it is, or set gateway.token"))
}

fn check_origin(config: &Config, origin: Option<&str>, host: Option<&str>) -> Result<(), Problem> {
    let Some(origin) = origin else { return Ok(()) };
    let own = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
        .is_some_and(|authority| host.is_some_and(|host| authority.eq_ignore_ascii_case(host)));
    if own || config.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return Ok(());
    }
    let shown: String = origin.chars().take(120).collect();
    let title = format!("pages of the origin `{shown}` may not use this gateway");
    let problem = Problem::new(StatusCode::FORBIDDEN, "forbidden_origin", title);
    Err(problem.detail("add it to gateway.allowed_origins if they may"))
}

/// Without the port, and without the brackets of an IPv6 address.
fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.split(':').next().unwrap_or(host)
}

/// `localhost` and what is below it never leaves the machine (RFC 6761).
fn is_local_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_rebound_is_refused() {
        let config = Config { allowed_hosts: vec!["gateway".into()], ..Config::default() };
        for good in ["localhost", "localhost:3000", "127.0.0.1:3000", "[::1]:3000", "Gateway:80"] {
            assert!(check_host(&config, Some(good)).is_ok(), "{good}");
        }
        for bad in ["evil.example", "127.0.0.1.evil.example:3000", "localhost.evil.example", ""] {
            assert_eq!(check_host(&config, Some(bad)).unwrap_err().status, 403, "{bad}");
        }
    }

    #[test]
    fn only_its_own_pages_may_use_it() {
        let config =
            Config { allowed_origins: vec!["http://localhost:5173".into()], ..Config::default() };
        let check = |origin| check_origin(&config, Some(origin), Some("localhost:3000"));
        assert!(check("http://localhost:3000").is_ok() && check("http://localhost:5173").is_ok());
        for bad in ["null", "http://localhost:8080", "http://evil.example", "localhost:3000"] {
            assert_eq!(check(bad).unwrap_err().status, 403, "{bad}");
        }
    }

    #[test]
    fn a_token_is_taken_as_bearer_and_as_basic_password() {
        let basic = format!("Basic {}", STANDARD.encode("me:s3cret"));
        for good in ["Bearer s3cret", "bearer  s3cret", &basic] {
            assert!(check_token("s3cret", Some(good)).is_ok(), "{good}");
        }
        for bad in ["", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Token s3cret"] {
            assert_eq!(check_token("s3cret", Some(bad)).unwrap_err().status, 401, "{bad}");
        }
        assert!(check_token("s3cret", None).is_err());
    }

    #[test]
    fn an_open_address_needs_a_token_or_a_word() {
        let open = SocketAddr::from(([0, 0, 0, 0], 3000));
        assert!(refuse_open_address(&Config::default(), open).is_some());
        assert!(refuse_open_address(&Config::default(), ([127, 0, 0, 1], 1).into()).is_none());
        let told = Config { allow_unauthenticated_network: true, ..Config::default() };
        assert!(refuse_open_address(&told, open).is_none());
    }
}
