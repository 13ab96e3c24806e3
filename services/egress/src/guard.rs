//! Keeps calls away from addresses that a workflow's author has no business with.
//!
//! A workflow may name any URL, and this process may stand in a network with much that trusts
//! whoever can reach it: databases, the engine itself, a cloud's metadata service. The guard looks
//! at addresses after names are resolved, and it is what the connection then uses, so that a name
//! cannot mean one address when checked and another one when called.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::{Attempt, Policy},
};

use serde::{Deserialize, Serialize};

/// Which addresses may be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allow {
    /// Addresses of the public internet only.
    #[default]
    Public,
    /// Whatever can be reached.
    Any,
}

/// An address that may not be called.
#[derive(Debug, thiserror::Error)]
#[error("`{host}` is not an address of the public internet")]
pub struct Forbidden {
    host: String,
}

/// A redirect that is not followed.
#[derive(Debug, thiserror::Error)]
pub enum BadRedirect {
    /// There were too many.
    #[error("more than {0} redirects")]
    TooMany(usize),
    /// From `https` to something weaker, or to something that is not HTTP.
    #[error("a redirect from `{from}` to `{to}` is not followed")]
    Scheme {
        /// The scheme before.
        from: String,
        /// The scheme after.
        to: String,
    },
}

/// Refuses a URL whose host is an address that may not be called. Names are looked at when they
/// are resolved.
///
/// # Errors
///
/// When it may not be called.
pub fn check(url: &Url, allow: Allow) -> Result<(), Forbidden> {
    let Some(host) = url.host_str() else { return Ok(()) };
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(address) if allow == Allow::Public && !is_public(address) => {
            Err(Forbidden { host: host.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Follows redirects to where a call may go.
#[must_use]
pub fn redirects(allow: Allow, max: usize) -> Policy {
    Policy::custom(move |attempt: Attempt<'_>| {
        if attempt.previous().len() > max {
            return attempt.error(BadRedirect::TooMany(max));
        }
        let from = attempt.previous().last().map_or("", Url::scheme).to_owned();
        let to = attempt.url().scheme().to_owned();
        if !matches!((from.as_str(), to.as_str()), (_, "https") | ("http", "http")) {
            return attempt.error(BadRedirect::Scheme { from, to });
        }
        match check(attempt.url(), allow) {
            Ok(()) => attempt.follow(),
            Err(forbidden) => attempt.error(forbidden),
        }
    })
}

/// Resolves names, and gives only addresses that may be called.
#[derive(Debug)]
pub struct Guarded(Allow);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow = self.0;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let open: Vec<SocketAddr> =
                found.filter(|one| allow == Allow::Any || is_public(one.ip())).collect();
            if open.is_empty() {
                return Err(Forbidden { host }.into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

impl Guarded {
    /// For a client's builder.
    #[must_use]
    pub fn shared(allow: Allow) -> Arc<Self> {
        Arc::new(Self(allow))
    }
}

/// The addresses of a host that may be called, at `port`.
///
/// # Errors
///
/// When the name is not known, or, as [`Forbidden`] inside, when there is none that may be called.
pub async fn addresses(host: &str, port: u16, allow: Allow) -> std::io::Result<Vec<SocketAddr>> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((host, port)).await?;
    let open: Vec<_> = found.filter(|one| allow == Allow::Any || is_public(one.ip())).collect();
    if open.is_empty() {
        return Err(std::io::Error::other(Forbidden { host: host.to_owned() }));
    }
    Ok(open)
}

/// Whether an address is one of the public internet: not in IANA's registries of special-purpose
/// addresses (RFC 6890 and its successors).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127, ..]
        | [169, 254, ..]
        | [192, 168, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [224..=255, ..] => true,
        [100, second, ..] => (64..128).contains(&second),
        [172, second, ..] => (16..32).contains(&second),
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // NAT64 and 6to4 lead to the IPv4 address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments (Teredo, ORCHID …) and documentation.
        [0x2001, 0..0x200, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..0x1000, ..] => false,
        // Everything that was ever given out is in 2000::/3; the rest is local, multicast, or free.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        let special = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.0.1",
            "192.168.1.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ];
        for text in special {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "100.63.0.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn odd_spellings_of_an_address_are_seen_through() {
        for text in ["http://0x7f.1/", "http://2130706433/", "http://[::ffff:7f00:1]/"] {
            assert!(check(&Url::parse(text).unwrap(), Allow::Public).is_err(), "{text}");
            assert!(check(&Url::parse(text).unwrap(), Allow::Any).is_ok(), "{text}");
        }
    }
}
