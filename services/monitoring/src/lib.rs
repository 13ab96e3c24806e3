//! What the engine is doing, in figures.
