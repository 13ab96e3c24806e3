//! Requests that somebody else decides on: a workflow's author names the URL, and this process
//! sends the request. Where they may go, and how much they may cost.

mod guard;
#[cfg(feature = "resources")]
mod resources;

pub use guard::{Allow, BadRedirect, Forbidden, Guarded, addresses, check, redirects};
#[cfg(feature = "resources")]
pub use resources::{Error, Fetcher, Rules, TaskTypes};
