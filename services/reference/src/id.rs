//! Names of payloads: the SHA-256 of what is in them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a payload's content; as text 64 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PayloadId([u8; 32]);

/// A text that names no payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no SHA-256: it must be 64 hexadecimal digits in lower case")]
pub struct IdError(String);

impl PayloadId {
    /// The name of `content`.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// When it is not 64 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let refused = || IdError(text.chars().take(80).collect());
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(refused());
        }
        let mut id = [0; 32];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            let high = digit(pair[0]).ok_or_else(refused)?;
            *byte = high << 4 | digit(pair[1]).ok_or_else(refused)?;
        }
        Ok(Self(id))
    }
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for PayloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PayloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PayloadId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for PayloadId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

impl From<PayloadId> for String {
    fn from(id: PayloadId) -> Self {
        id.to_string()
    }
}

/// Finds the name of content that comes piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    hash: Sha256,
    bytes: u64,
}

impl Digest {
    /// Takes in the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
    }

    /// The name of all pieces, and how many bytes they have.
    #[must_use]
    pub fn end(self) -> (PayloadId, u64) {
        (PayloadId(self.hash.finalize().into()), self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_as_it_is_written() {
        let id = PayloadId::of(b"abc");
        assert_eq!(PayloadId::parse(&id.to_string()), Ok(id));
        let upper = id.to_string().to_uppercase();
        for bad in ["", "ab", &upper, &format!("{id}0"), &id.to_string().replace('a', "g")] {
            assert!(PayloadId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pieces_have_the_name_of_the_whole() {
        let mut digest = Digest::default();
        digest.update(b"a");
        digest.update(b"bc");
        assert_eq!(digest.end(), (PayloadId::of(b"abc"), 3));
    }
}
