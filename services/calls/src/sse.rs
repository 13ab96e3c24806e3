//! Server-sent events (HTML, 9.2.6), as they come.

/// Events of a stream.
#[derive(Default)]
pub(crate) struct Events {
    /// What came of a line so far.
    line: Vec<u8>,
    /// The data of the event that is not complete yet.
    data: Vec<String>,
}

impl Events {
    /// The data of each event that is complete with these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut complete = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = String::from_utf8_lossy(&self.line);
            let line = line.strip_suffix('\r').unwrap_or(&line);
            if let Some(rest) = line.strip_prefix("data:") {
                self.data.push(rest.strip_prefix(' ').unwrap_or(rest).to_owned());
            } else if line.is_empty() && !self.data.is_empty() {
                complete.push(self.data.join("\n"));
                self.data.clear();
            }
            self.line.clear();
        }
        complete
    }

    /// All events of a stream that has ended; the last one need not be followed by a line.
    pub(crate) fn all(bytes: &[u8]) -> Vec<String> {
        let mut events = Self::default();
        let mut all = events.push(bytes);
        all.extend(events.push(b"\n\n"));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_apart() {
        let text = b": hello\nevent: x\ndata: {\"a\":\ndata: 1}\n\ndata:2\r\n\r\n";
        assert_eq!(Events::all(text), ["{\"a\":\n1}", "2"]);
        assert_eq!(Events::all(b"data: last"), ["last"]);
    }

    #[test]
    fn an_event_may_come_in_pieces() {
        let mut events = Events::default();
        assert!(events.push(b"da").is_empty());
        assert!(events.push("ta: \u{e9}".as_bytes()).is_empty());
        assert_eq!(events.push(b"\n\n"), ["\u{e9}"]);
    }
}
