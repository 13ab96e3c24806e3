//! What stands around the operations: who may come in, what errors look like, pages for people.

mod access;
mod assets;
mod compress;
mod docs;
mod errors;
mod headers;
mod query;
mod shell;

pub(crate) use access::refuse_open_address;
pub(crate) use shell::Shell;
