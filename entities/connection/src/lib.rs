//! Connections to the database: which there may be, that it keeps what it acknowledges, and its schema. What is sent
//! through them is the matter of `kintsugi-entities`.

mod connect;
mod options;
mod url;

pub use connect::{Connections, connect};
pub use options::{Backend, Options};
