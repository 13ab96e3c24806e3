//! Texts within other languages.

use std::fmt::Write as _;

/// `text` in XML, in content as in an attribute in double quotes. What XML cannot have becomes U+FFFD.
pub(crate) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// `text` within double quotes of DOT.
pub(crate) fn dot(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// `text` within double quotes of Mermaid: whatever Mermaid, its Markdown or a page might read as
/// more than text is written as the number of its character.
pub(crate) fn mermaid(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // `1.` and `-` at the beginning would be a list.
    let mut begins = true;
    for c in text.chars() {
        let plain = match c {
            ' ' | ',' | '/' | ':' | '=' | '…' | '→' => true,
            '.' | '-' => !begins,
            c => c.is_alphanumeric(),
        };
        begins = begins && c.is_ascii_digit();
        match plain {
            true => out.push(c),
            false if c.is_control() => out.push(' '),
            false => {
                let _ = write!(out, "#{};", u32::from(c));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_its_text() {
        let hostile = "a\"b'<script>&\\\n]} %%{init}%% #x;`";
        assert_eq!(xml(hostile), "a&quot;b&#39;&lt;script&gt;&amp;\\&#10;]} %%{init}%% #x;`");
        assert_eq!(dot(hostile), "a\\\"b'<script>&\\\\ ]} %%{init}%% #x;`");
        let text = mermaid(hostile);
        assert!(!text.contains(['"', '<', '>', '`', '%', '{', '}', '[', ']', '\n']), "{text}");
        assert_eq!(mermaid("1. a-b.c"), "1#46; a-b.c");
        assert_eq!(mermaid("- x"), "#45; x");
        assert_eq!(xml("\u{1}\u{ffff}"), "\u{fffd}\u{fffd}");
    }
}
