//! Tells people and systems outside, at least once.
