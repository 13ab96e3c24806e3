//! What names may look like, and what somebody may have meant.

/// DNS label (RFC 1123) in lower case: 1 to 63 of `a-z 0-9 -`, no `-` at either end.
pub fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A task type or queue: `[a-z0-9_-]{1,64}`.
pub fn is_task_type(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
}

/// A variable's name without `$`: `[A-Za-z_][A-Za-z0-9_]*`, at most 64 characters.
pub fn is_identifier(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.as_bytes()[0].is_ascii_digit()
}

/// Semantic Versioning 2.0.0, at most 64 characters.
pub fn is_semver(text: &str) -> bool {
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

/// What `name` is probably a slip of, as a hint.
pub fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(name, candidates).map(|(candidate, _)| format!("did you mean `{candidate}`?"))
}

/// The candidate that `name` is probably a slip of, and how many slips there are.
pub fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<(&'a str, usize)> {
    let length = name.chars().count();
    let near = length / 3 + 1;
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= near && name.len() <= 64)
        .map(|candidate| {
            // Damerau's distance: letters that change places are one slip.
            let distance =
                strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
            (distance, candidate)
        })
        // What has no letter in common is another word, not a slip.
        .filter(|(distance, _)| *distance <= near && *distance < length)
        .min()
        .map(|(distance, candidate)| (candidate, distance))
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
        assert_eq!(nearest("clal", words), Some(("call", 1)), "letters that change places");
        assert_eq!(did_you_mean("kubernetes", words), None);
        assert_eq!(did_you_mean("c", ["a", "b"]), None);
    }
}
