//! What may stand in the URL of a Postgres.
//!
//! The driver passes over parameters that it does not know, and some that it knows do less than their
//! name says. Whoever asks for a private connection must get one or an error, so that is refused here.

use std::{fs, path::Path};

use percent_encoding::percent_decode_str;

use kintsugi_rows::Error;

/// What the driver knows, and we do not set ourselves.
const KNOWN: [&str; 12] = [
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// Refuses parameters that would be passed over, and such as contradict each other.
pub(crate) fn check(url: &str) -> Result<(), Error> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let given: Vec<(&str, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name, decoded(value)))
        .collect();
    for (index, (name, _)) in given.iter().enumerate() {
        if !KNOWN.contains(name) {
            let known = KNOWN.join(", ");
            return refuse(&format!("has the parameter `{name}`; it may have: {known}"));
        }
        if given.iter().take(index).any(|(other, _)| other == name) {
            return refuse(&format!("has the parameter `{name}` twice"));
        }
    }
    let value = |name: &str| given.iter().find(|(one, _)| *one == name).map(|(_, v)| v.as_str());
    let mode = value("sslmode").unwrap_or("prefer");
    let verified = match mode {
        "disable" | "prefer" | "require" => false,
        "verify-ca" | "verify-full" => true,
        other => {
            // The driver takes `allow`, and never encrypts.
            return refuse(&format!(
                "has `sslmode={other}`; it may be disable, prefer, require, verify-ca or verify-full"
            ));
        }
    };
    if let Some(file) = value("sslrootcert") {
        if !verified {
            return refuse(&format!(
                "has sslrootcert, but `sslmode={mode}` does not check certificates; write \
                 `sslmode=verify-full`"
            ));
        }
        holds(file, "CERTIFICATE")?;
    }
    match (value("sslcert"), value("sslkey")) {
        (Some(_), Some(_)) if mode == "disable" => refuse("has sslcert, but `sslmode=disable`"),
        (Some(certificate), Some(key)) => {
            holds(certificate, "CERTIFICATE")?;
            holds(key, "PRIVATE KEY")
        }
        (None, None) => Ok(()),
        _ => refuse("must have sslcert and sslkey together"),
    }
}

/// The driver takes a file without any certificate for one with none to trust.
fn holds(file: &str, what: &str) -> Result<(), Error> {
    let is_one = |line: &str| line.starts_with("-----BEGIN ") && line.contains(what);
    match fs::read_to_string(Path::new(file)) {
        Ok(text) if text.lines().any(is_one) => Ok(()),
        Ok(_) => refuse(&format!("names {file}, which holds no {} (PEM)", what.to_lowercase())),
        Err(error) => refuse(&format!("names {file}, which cannot be read: {error}")),
    }
}

fn refuse(why: &str) -> Result<(), Error> {
    Err(Error::Invalid { what: format!("the database URL {why}") })
}

/// As the driver reads it.
fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
#[path = "../tests/unit/url.rs"]
mod tests;
