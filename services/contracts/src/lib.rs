//! Documents in which services describe themselves: OpenAPI, `AsyncAPI`, proto files, and agents'
//! cards.
//!
//! Of such a document, which may be large, one call needs little: the compiler takes it out when a
//! definition is registered, and a worker gets no more than that. Nothing here does IO.

pub mod agent_card;
pub mod asyncapi;
pub mod openapi;
pub mod proto;
mod reference;

/// Why a document does not give what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The document, or what is asked of it, makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It makes sense, and is not supported here.
    #[error("{0} is not supported")]
    Unsupported(String),
}

impl Refusal {
    fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}
