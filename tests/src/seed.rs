//! The number that every choice of a test follows from.

use std::time::SystemTime;

use kintsugi_trial::Chance;

/// A source of choices from `KINTSUGI_SEED`, or from the clock; prints which.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment what to repeat")]
pub fn chance(test: &str) -> Chance {
    let given = std::env::var("KINTSUGI_SEED").ok();
    let given = given.map(|text| text.parse().expect("KINTSUGI_SEED is a number"));
    let seed = given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        u64::from(now.unwrap_or_default().subsec_nanos())
    });
    println!("{test}: KINTSUGI_SEED={seed} repeats its choices");
    Chance::new(seed)
}
