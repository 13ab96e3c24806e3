//! What dead letters that died of the same have in common.

use crate::Error;

/// Characters of an error's text that count: further ones tell of this one time.
const TEXT_MAX: usize = 200;

/// Digits that a word of hexadecimal digits has at least, to be an id.
const ID_MIN: usize = 8;

/// The fingerprint of a dead letter: the same for all that died of the same in the same place. It is made
/// of the definition without its version, the task's place in it, its type, and the error's type, status and text
/// without what varies from one time to the next. 16 hexadecimal digits.
#[must_use]
pub fn fingerprint(
    definition: &str,
    pointer: &str,
    task_type: &str,
    error: Option<&Error>,
) -> String {
    let name = definition.split(':').next().unwrap_or(definition);
    let status = error.map_or(0, |error| error.status).to_string();
    let kind = error.map_or("", |error| error.kind.as_str());
    let text = error.and_then(|error| error.detail.as_deref().or(error.title.as_deref()));
    let text = normal(text.unwrap_or_default());
    // FNV-1a. Nobody gains anything by a collision, but two groups shown as one.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in [name, pointer, task_type, kind, &status, &text] {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

/// The first line of a text without what varies: what is quoted, numbers, ids.
fn normal(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let (mut out, mut word, mut quote) = (String::new(), String::new(), None);
    for (before, char) in std::iter::once(' ').chain(line.chars()).zip(line.chars()) {
        if let Some(open) = quote {
            quote = (char != open).then_some(open);
            continue;
        }
        if char.is_alphanumeric() || char == '-' && !word.is_empty() {
            word.push(char);
            continue;
        }
        end(&mut out, &mut word);
        match char {
            // Not the apostrophe of `can't`.
            '"' | '`' | '\'' if !before.is_alphanumeric() => {
                quote = Some(char);
                out.push('#');
            }
            char if char.is_whitespace() && out.ends_with(' ') => {}
            char => out.push(char),
        }
    }
    end(&mut out, &mut word);
    out.chars().take(TEXT_MAX).collect()
}

/// Puts a word, with the hyphens in it, to what is there.
fn end(out: &mut String, word: &mut String) {
    let is_uuid = word.len() == 36
        && word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && word.chars().all(|char| char == '-' || char.is_ascii_hexdigit());
    if is_uuid {
        out.push('#');
    } else {
        for (part, n) in word.split('-').zip(0..) {
            out.push_str(if n > 0 { "-" } else { "" });
            put(out, part);
        }
    }
    word.clear();
}

/// Puts a word without what varies: each run of digits is one `#`, and an id as a whole.
fn put(out: &mut String, word: &str) {
    if !word.chars().any(|char| char.is_ascii_digit()) {
        return out.extend(word.chars().flat_map(char::to_lowercase));
    }
    let is_hexadecimal = word.chars().all(|char| char.is_ascii_hexdigit());
    if word.len() >= 2 * ID_MIN || word.len() >= ID_MIN && is_hexadecimal {
        return out.push('#');
    }
    let mut was_digit = false;
    for char in word.chars() {
        let is_digit = char.is_ascii_digit();
        if !is_digit {
            out.extend(char.to_lowercase());
        } else if !was_digit {
            out.push('#');
        }
        was_digit = is_digit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn of(definition: &str, detail: &str) -> String {
        let error = Error::new(ErrorKind::Communication, "/do/0/pay", detail);
        fingerprint(definition, "/do/0/pay", "charge", Some(&error))
    }

    #[test]
    fn what_varies_from_one_time_to_the_next_does_not_count() {
        assert_eq!(normal("Order 4711 of \"ada\" failed  in 3ms"), "order # of # failed in #ms");
        assert_eq!(normal("can't reach 10.0.0.7:5432\nat line 3"), "can't reach #.#.#.#:#");
        assert_eq!(normal("id 01890a5d-ac96-774b-bcce-b302099a8057"), "id #");
        assert_eq!(normal("step-3 of run 7f3a9c21, a-b"), "step-# of run #, a-b");
        assert_eq!(normal(&"x".repeat(500)).len(), TEXT_MAX);
        assert_eq!(
            of("shop/order:1.0.0", "order 1 is odd"),
            of("shop/order:2.0.0", "order 27 is odd")
        );
    }

    #[test]
    fn what_tells_failures_apart_counts() {
        let one = of("shop/order:1.0.0", "the bank is down");
        assert_eq!(one.len(), 16);
        assert_ne!(one, of("shop/order:1.0.0", "the bank is closed"));
        assert_ne!(one, of("shop/refund:1.0.0", "the bank is down"));
        let mut error = Error::new(ErrorKind::Communication, "/do/0/pay", "the bank is down");
        let with = |error: &Error, pointer: &str, kind: &str| {
            fingerprint("shop/order:1.0.0", pointer, kind, Some(error))
        };
        assert_eq!(one, with(&error, "/do/0/pay", "charge"));
        assert_ne!(one, with(&error, "/do/1/pay", "charge"));
        assert_ne!(one, with(&error, "/do/0/pay", "refund"));
        error.status = 418;
        assert_ne!(one, with(&error, "/do/0/pay", "charge"));
        assert_ne!(one, fingerprint("shop/order:1.0.0", "/do/0/pay", "charge", None));
    }
}
