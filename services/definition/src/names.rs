//! What names may look like, and what somebody may have meant.

/// DNS label (RFC 1123) in lower case: 1 to 63 of `a-z 0-9 -`, no `-` at either end.
pub(crate) fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A task type or queue: `[a-z0-9_-]{1,64}`.
pub(crate) fn is_task_type(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
}

/// A variable's name without `$`: `[A-Za-z_][A-Za-z0-9_]*`, at most 64 characters.
pub(crate) fn is_identifier(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.as_bytes()[0].is_ascii_digit()
}

/// Semantic Versioning 2.0.0, at most 64 characters.
pub(crate) fn is_semver(text: &str) -> bool {
    if text.len() > 64 {
        return false;
    }
    let (text, build) = text.split_once('+').map_or((text, None), |(a, b)| (a, Some(b)));
    let (core, pre) = text.split_once('-').map_or((text, None), |(a, b)| (a, Some(b)));
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part.len() == 1 || !part.starts_with('0'))
    };
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let pre_part =
        |part: &str| word(part) && (number(part) || part.bytes().any(|b| !b.is_ascii_digit()));
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|pre| pre.split('.').all(pre_part))
        && build.is_none_or(|build| build.split('.').all(word))
}

/// The candidate that `name` is probably a slip of.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let near = name.chars().count() / 3 + 1;
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= near && name.len() <= 64)
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= near)
        .min()
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

/// Levenshtein's.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semantic_versions_are_told_from_others() {
        for good in ["1.0.0", "0.0.0-0a1b2c3d", "1.2.3-alpha.1+build.5", "10.20.30"] {
            assert!(is_semver(good), "{good}");
        }
        for bad in ["1.0", "01.0.0", "1.0.0-", "1.0.0-01", "v1.0.0", "1.0.0.0", "latest", ""] {
            assert!(!is_semver(bad), "{bad}");
        }
    }

    #[test]
    fn a_slip_finds_its_word() {
        let words = ["call", "do", "switch"];
        assert_eq!(did_you_mean("cal", words).unwrap(), "did you mean `call`?");
        assert_eq!(did_you_mean("swich", words).unwrap(), "did you mean `switch`?");
        assert_eq!(did_you_mean("kubernetes", words), None);
    }
}
