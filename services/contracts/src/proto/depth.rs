//! A look at a proto file before it is parsed: the parser descends into brackets, and must not run
//! out of stack because a stranger's file has many.

/// Brackets within brackets, at most. Files of people have about ten.
const DEPTH_MAX: usize = 64;

/// Whether brackets, outside of texts and comments, nest no deeper than a parser can stand.
pub(super) fn is_sane(source: &str) -> bool {
    let mut bytes = source.bytes().peekable();
    let mut depth = 0_usize;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' | b'\'' => skip_text(&mut bytes, byte),
            b'/' if bytes.peek() == Some(&b'/') => {
                bytes.by_ref().find(|one| *one == b'\n');
            }
            b'/' if bytes.peek() == Some(&b'*') => skip_comment(&mut bytes),
            b'#' => {
                bytes.by_ref().find(|one| *one == b'\n');
            }
            b'{' | b'[' | b'(' | b'<' => depth += 1,
            b'}' | b']' | b')' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return false;
        }
    }
    true
}

/// A text ends at its quote, and at the end of its line, where it is not closed.
fn skip_text(bytes: &mut impl Iterator<Item = u8>, quote: u8) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'\n' => return,
            one if one == quote => return,
            _ => {}
        }
    }
}

fn skip_comment(bytes: &mut impl Iterator<Item = u8>) {
    // The `*` that begins it does not end it.
    bytes.next();
    let mut before = None;
    for byte in bytes {
        if before == Some(b'*') && byte == b'/' {
            return;
        }
        before = Some(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_that_count_are_counted() {
        assert!(is_sane("message A { map<string, B> b = 1 [deprecated = true]; }"));
        let many = "{".repeat(100);
        assert!(!is_sane(&many));
        assert!(is_sane(&format!("// {many}\n/* {many} */ \"{many}\\\"{many}\" '{many}'")));
        assert!(!is_sane(&format!("/*/ */ {many}")));
        assert!(!is_sane(&format!("\"open\n{many}")));
    }
}
