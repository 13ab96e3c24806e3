//! Texts made short enough for a drawing.

/// `text` in one line of at most `max` characters, without what would move or hide text.
pub(crate) fn cut(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut left = max;
    let mut blank = true;
    for c in text.chars() {
        let is_blank = c.is_whitespace() || c.is_control();
        if (is_blank && blank) || is_invisible(c) {
            continue;
        }
        blank = is_blank;
        if left == 0 {
            out.pop();
            out.truncate(out.trim_end().len());
            out.push('…');
            return out;
        }
        left -= 1;
        out.push(if is_blank { ' ' } else { c });
    }
    out.truncate(out.trim_end().len());
    out
}

/// Characters that turn the direction of text, have no width, or are none.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// `1d 2h 3m 4s 5ms`.
pub(crate) fn duration(millis: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let (mut left, mut parts) = (millis, Vec::new());
    for (length, unit) in units {
        if left / length > 0 {
            parts.push(format!("{}{unit}", left / length));
            left %= length;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// A URI without its user, query and fragment, in which secrets may stand.
pub(crate) fn address(uri: &str) -> String {
    let plain = uri.split(['?', '#']).next().unwrap_or(uri);
    let Some((scheme, rest)) = plain.split_once("://") else { return plain.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_stays_in_one_line() {
        assert_eq!(cut("a  b\n\tc ", 10), "a b c");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(cut("ab cd", 4), "ab…");
        assert_eq!(cut("\u{202e}gnp.exe\u{200b}", 20), "gnp.exe");
        assert_eq!(cut("", 4), "");
        assert_eq!(cut("äöü€", 3), "äö…");
    }

    #[test]
    fn an_address_keeps_no_secret() {
        for (uri, shown) in [
            ("https://me:pass@host:8443/a/b?key=1#x", "https://host:8443/a/b"),
            ("https://host?key=1", "https://host"),
            ("https://host/a@b", "https://host/a@b"),
            ("greet:1.0.0@catalog", "greet:1.0.0@catalog"),
        ] {
            assert_eq!(address(uri), shown);
        }
    }

    #[test]
    fn durations_are_short() {
        for (millis, text) in [(0, "0s"), (5_000, "5s"), (90_061_001, "1d 1h 1m 1s 1ms")] {
            assert_eq!(duration(millis), text);
        }
    }
}
