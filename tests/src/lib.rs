//! Tests that need servers, processes, a browser or the whole engine.
