//! The simulated store: what `entities` promises of its transactions, in memory; the definitions that are
//! run, and the protections that can be switched off.
#![allow(missing_docs, reason = "a part of the simulation, which alone uses it")]
#![allow(clippy::missing_errors_doc, reason = "as in the real store")]

pub mod definitions;
pub mod off;
pub mod store;
