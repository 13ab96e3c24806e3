//! Write a durable worker in about twelve lines.
