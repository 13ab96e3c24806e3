//! The bus: subjects, streams, consumers and messages.
