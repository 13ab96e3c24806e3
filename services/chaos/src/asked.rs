//! What a user asks for, in words. The command line and the API check it here, so that both refuse the same for the
//! same reason.

use std::time::Duration;

/// A shorter trial has no room for a fault.
const LASTS_MIN: Duration = Duration::from_secs(5);

/// Starts a second, where nothing is said.
pub const RATE: f64 = 8.0;

/// The most starts a second.
const RATE_MAX: f64 = 1_000.0;

/// How long there are load and faults, as in `--for 2h`.
///
/// # Errors
///
/// When it is no time, or too short.
pub fn lasts(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| format!("{text:?}: {error}"))?;
    within(time).map(|()| time)
}

/// Whether a trial may last that long.
///
/// # Errors
///
/// When it is too short.
pub fn within(time: Duration) -> Result<(), String> {
    if time < LASTS_MIN {
        return Err(format!("a fault needs some seconds: {}s is the least", LASTS_MIN.as_secs()));
    }
    Ok(())
}

/// Starts a second, as in `--rate 8`.
///
/// # Errors
///
/// When that many cannot be.
pub fn rate(rate: f64) -> Result<f64, String> {
    if rate > 0.0 && rate <= RATE_MAX {
        Ok(rate)
    } else {
        Err(format!("expected a number above 0, at most {RATE_MAX}"))
    }
}

/// A seed for whoever names none: short enough to be written down.
#[must_use]
pub fn any_seed() -> u64 {
    u64::from(uuid::Uuid::new_v4().as_fields().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_rates_have_bounds() {
        assert_eq!(lasts("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "soon", "-1s", "4s"] {
            assert!(lasts(bad).is_err(), "{bad}");
        }
        assert_eq!(rate(0.5), Ok(0.5));
        for bad in [0.0, -1.0, 1_000.5, f64::NAN, f64::INFINITY] {
            assert!(rate(bad).unwrap_err().contains("1000"), "{bad}");
        }
    }
}
