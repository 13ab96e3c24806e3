//! Schema changes: expand, then contract.
