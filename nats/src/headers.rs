//! Headers of a message.

use async_nats::HeaderMap;

/// Headers of a message. Names are compared without regard to case, as in HTTP; of several values
/// under one name, the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The value under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// Adds a value. Line breaks cannot stand in a header and become spaces.
    pub fn insert(&mut self, name: &str, value: &str) {
        let clean = |text: &str| text.replace(['\r', '\n'], " ");
        self.0.push((clean(name), clean(value)));
    }

    /// Every name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn from_broker(headers: Option<&HeaderMap>) -> Self {
        let pairs = headers.into_iter().flat_map(HeaderMap::iter).flat_map(|(name, values)| {
            values.iter().map(move |value| (name.to_string(), value.to_string()))
        });
        Self(pairs.collect())
    }

    pub(crate) fn into_broker(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in self.0 {
            // A name that the broker's client refuses is left out rather than a panic.
            if let Ok(name) = name.parse::<async_nats::HeaderName>() {
                headers.append(name, value);
            }
        }
        headers
    }
}

#[cfg(test)]
#[path = "../tests/unit/headers.rs"]
mod tests;
