//! Lengths of time as texts.

/// Milliseconds of an ISO 8601 duration: weeks, days, hours, minutes and seconds. Years and months are as long as the calendar
/// has them, which a length of time cannot say, and are refused.
#[must_use]
pub fn iso_millis(text: &str) -> Option<u64> {
    let (date, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (text.strip_prefix('P')?, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let date = components(date, &[('W', 604_800_000), ('D', 86_400_000)])?;
    date.checked_add(components(time, &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)])?)
}

/// Numbers with units in the given order, each at most once.
fn components(mut text: &str, mut units: &[(char, u64)]) -> Option<u64> {
    let mut sum = 0_u64;
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit = text[end..].chars().next()?;
        let index = units.iter().position(|(name, _)| *name == unit)?;
        sum = sum.checked_add(decimal(&text[..end], units[index].1)?)?;
        units = &units[index + 1..];
        text = &text[end + 1..];
    }
    Some(sum)
}

/// `text` times `factor`, exact to the millisecond, with at most nine decimals.
fn decimal(text: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let digits = u32::try_from(fraction.len()).ok()?;
    let part = fraction.parse::<u64>().ok()?.checked_mul(factor)? / 10_u64.pow(digits);
    whole.parse::<u64>().ok()?.checked_mul(factor)?.checked_add(part)
}

/// Milliseconds of a short form: `500ms`, `5s`, `1h 30m`, `2d`.
#[must_use]
pub fn short_millis(text: &str) -> Option<u64> {
    let mut sum = 0_u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number = rest[..digits].parse::<u64>().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let factor = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        sum = sum.checked_add(number.checked_mul(factor)?)?;
        rest = rest[letters..].trim_start();
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_durations_are_read() {
        for (text, millis) in [
            ("PT5S", 5_000),
            ("PT0.25S", 250),
            ("P1DT12H30M", 131_400_000),
            ("P2W", 1_209_600_000),
            ("PT0S", 0),
        ] {
            assert_eq!(iso_millis(text), Some(millis), "{text}");
        }
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "5s",
            "P1Y",
            "P1M",
            "PT1S1S",
            "PT1S1M",
            "-PT1S",
            "PT.5S",
            "PT99999999999999999999S",
        ] {
            assert_eq!(iso_millis(text), None, "{text}");
        }
    }

    #[test]
    fn short_durations_are_read() {
        for (text, millis) in
            [("500ms", 500), ("5s", 5_000), ("1h 30m", 5_400_000), ("2d", 172_800_000)]
        {
            assert_eq!(short_millis(text), Some(millis), "{text}");
        }
        for text in ["", "5", "s", "5 s", "5sec", "1.5s", "-1s", "99999999999999999999s"] {
            assert_eq!(short_millis(text), None, "{text}");
        }
    }
}
