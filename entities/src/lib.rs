//! The tables, and every statement the engine sends to them.
