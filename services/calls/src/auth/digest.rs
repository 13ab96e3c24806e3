//! Digest access authentication (RFC 7616): the answer to a challenge.

use md5::{Digest as _, Md5};
use sha2::Sha256;

/// The answer to a challenge, and how strong its algorithm is; none if it is not one that is
/// understood.
pub(super) fn answer(
    challenge: &str,
    username: &str,
    password: &str,
    method: &str,
    target: &str,
) -> Option<(u8, String)> {
    let nonce: [u8; 16] = *uuid::Uuid::new_v4().as_bytes();
    answer_with(challenge, username, password, (method, target), &hex(&nonce))
}

fn answer_with(
    challenge: &str,
    username: &str,
    password: &str,
    (method, target): (&str, &str),
    cnonce: &str,
) -> Option<(u8, String)> {
    let (scheme, rest) = challenge.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let parameters = parameters(rest);
    let get = |name: &str| {
        let found = parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    let (realm, nonce) = (get("realm")?, get("nonce")?);
    let algorithm = get("algorithm").unwrap_or("MD5");
    let (name, session) = match algorithm.to_ascii_uppercase().strip_suffix("-SESS") {
        Some(name) => (name.to_owned(), true),
        None => (algorithm.to_ascii_uppercase(), false),
    };
    let (strength, hash): (u8, fn(&str) -> String) = match name.as_str() {
        "MD5" => (1, md5),
        "SHA-256" => (2, sha256),
        _ => return None,
    };
    // Without `auth` among the protections, only the older form without any is left.
    let qop = match get("qop") {
        Some(offered) if offered.split(',').any(|one| one.trim() == "auth") => true,
        Some(_) => return None,
        None => false,
    };
    let mut secret = hash(&format!("{username}:{realm}:{password}"));
    if session {
        secret = hash(&format!("{secret}:{nonce}:{cnonce}"));
    }
    let request = hash(&format!("{method}:{target}"));
    let response = if qop {
        hash(&format!("{secret}:{nonce}:00000001:{cnonce}:auth:{request}"))
    } else {
        hash(&format!("{secret}:{nonce}:{request}"))
    };
    let (username, realm, nonce) = (quote(username), quote(realm), quote(nonce));
    let mut text = format!(
        "Digest username={username}, realm={realm}, nonce={nonce}, uri={}, \
         algorithm={algorithm}, response=\"{response}\"",
        quote(target),
    );
    if qop {
        text.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = get("opaque") {
        text.push_str(&format!(", opaque={}", quote(opaque)));
    }
    Some((strength, text))
}

/// `name=value` or `name="value"`, with commas between.
fn parameters(text: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    while let Some((name, tail)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',', '\t']).to_owned();
        let tail = tail.trim_start();
        let (value, after) = match tail.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = tail.find(',').unwrap_or(tail.len());
                (tail[..end].trim().to_owned(), &tail[end..])
            }
        };
        found.push((name, value));
        rest = after;
    }
    found
}

/// A quoted text up to its end, and what follows.
fn unquote(text: &str) -> (String, &str) {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &text[at + 1..]),
            _ => value.push(c),
        }
    }
    (value, "")
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn md5(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7616, section 3.9.1.
    #[test]
    fn the_answers_are_those_of_the_standard() {
        let challenge = |algorithm: &str| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, strength, response) in [
            ("MD5", 1, "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", 2, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let target = ("GET", "/dir/index.html");
            let (found, text) =
                answer_with(&challenge(algorithm), "Mufasa", "Circle of Life", target, cnonce)
                    .unwrap();
            assert_eq!(found, strength);
            assert!(text.contains(&format!("response=\"{response}\"")), "{text}");
            assert!(text.contains("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""));
        }
    }

    #[test]
    fn a_challenge_that_is_not_understood_has_no_answer() {
        for challenge in [
            "Basic realm=\"x\"",
            "Digest realm=\"x\"",
            "Digest realm=\"x\", nonce=\"y\", algorithm=SHA-512-256",
            "Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\"",
        ] {
            assert!(answer(challenge, "u", "p", "GET", "/").is_none(), "{challenge}");
        }
        assert!(answer("digest realm=x, nonce=\"y\\\"z\"", "u", "p", "GET", "/").is_some());
    }
}
