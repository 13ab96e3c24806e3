//! Cron expressions in a time zone.
//!
//! They mean wall-clock times. Where the clock is set forward, a time that is left out comes as much
//! later as the clock was set; where it is set back, a time that comes twice counts once, the first
//! time. An expression that says nothing about hours is a rhythm rather than a time of day, and goes on
//! evenly through both.

use cronexpr::Crontab;
use jiff::{Timestamp as Moment, civil::DateTime, tz::TimeZone};
use kintsugi_core::Timestamp;

/// Wall-clock times that are passed over at most, because they came already.
const STEPS_MAX: u32 = 200;

/// How far `cronexpr` looks ahead, in milliseconds, and how often it is asked: 28 years is how rarely
/// 29 February is a Monday, and 40 also do across a year that leaves the leap day out.
const AHEAD: (i64, u32) = (4 * 36_525 * 864_000, 10);

/// A cron expression in a time zone.
pub(crate) struct Cron {
    crontab: Crontab,
    /// The zone, where the expression is read as wall-clock times.
    wall: Option<TimeZone>,
}

impl Cron {
    /// Reads an expression of five fields.
    ///
    /// # Errors
    ///
    /// With what is wrong, for people.
    pub(crate) fn parse(text: &str, time_zone: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        if fields.len() != 5 {
            let count = fields.len();
            return Err(format!("it has {count} fields, not five: minute hour day month weekday"));
        }
        let zone =
            TimeZone::get(time_zone).map_err(|_| format!("there is no time zone `{time_zone}`"))?;
        let is_rhythm = fields[1].starts_with('*');
        let read_in = if is_rhythm { time_zone } else { "UTC" };
        let crontab = cronexpr::parse_crontab(&format!("{} {read_in}", fields.join(" "))).map_err(
            |error| error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" "),
        )?;
        Ok(Self { crontab, wall: (!is_rhythm).then_some(zone) })
    }

    /// The first time after `after`; none: there is none within 40 years.
    pub(crate) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let moment = Moment::from_millisecond(after.0).ok()?;
        let Some(zone) = &self.wall else {
            return Some(Timestamp(self.find(moment)?.0.as_millisecond()));
        };
        // Wall-clock times are looked for as if they were moments in UTC. One that came already,
        // where the clock was set back, is passed over.
        let mut wall = zone.to_datetime(moment);
        for _ in 0..STEPS_MAX {
            wall = self.find(TimeZone::UTC.to_timestamp(wall).ok()?)?.1;
            let due = zone.to_ambiguous_timestamp(wall).compatible().ok()?;
            if due > moment {
                return Some(Timestamp(due.as_millisecond()));
            }
        }
        None
    }

    fn find(&self, after: Moment) -> Option<(Moment, DateTime)> {
        let (step, times) = AHEAD;
        let mut at = after;
        for _ in 0..times {
            if let Ok(found) = self.crontab.find_next(at) {
                return Some((found.timestamp(), found.datetime()));
            }
            // A day before where it stopped looking.
            let ahead = at.as_millisecond().checked_add(step - 86_400_000)?;
            at = Moment::from_millisecond(ahead).ok()?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        Timestamp(text.parse::<Moment>().expect("a time").as_millisecond())
    }

    fn next(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(cron, zone).expect("it is right");
        let mut at = moment(after);
        let mut all = Vec::new();
        for _ in 0..count {
            at = cron.next(at).expect("a due time");
            all.push(Moment::from_millisecond(at.0).expect("in range").to_string());
        }
        all
    }

    #[test]
    fn midnight_comes_once_a_day() {
        assert_eq!(
            next("0 0 * * *", "UTC", "2026-11-25T13:00:00Z", 2),
            ["2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z"]
        );
        assert_eq!(
            next("0 0 * * *", "Asia/Tokyo", "2026-11-25T13:00:00Z", 1),
            ["2026-11-25T15:00:00Z"]
        );
    }

    #[test]
    fn a_time_that_the_clock_leaves_out_comes_later() {
        // Berlin, 29 March 2026: from 02:00 to 03:00.
        assert_eq!(
            next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]
        );
    }

    #[test]
    fn a_time_that_comes_twice_counts_once() {
        // Berlin, 25 October 2026: from 03:00 back to 02:00.
        assert_eq!(
            next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        // Asked between the two.
        assert_eq!(
            next("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1),
            ["2026-10-26T01:30:00Z"]
        );
    }

    #[test]
    fn a_rhythm_goes_on_through_both() {
        let all = next("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 4);
        assert_eq!(all[3], "2026-10-25T02:00:00Z");
        let all = next("0 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2);
        assert_eq!(all, ["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]);
    }

    #[test]
    fn leap_days_come_however_rarely() {
        assert_eq!(
            next("0 12 29 2 *", "UTC", "2026-01-01T00:00:00Z", 2),
            ["2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"]
        );
        // 2100 has none.
        assert_eq!(next("0 12 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1), ["2104-02-29T12:00:00Z"]);
        assert_eq!(next("0 0 L * *", "UTC", "2028-02-01T00:00:00Z", 1), ["2028-02-29T00:00:00Z"]);
    }

    #[test]
    fn a_day_and_a_weekday_are_either() {
        assert_eq!(
            next("0 0 1 * 5", "UTC", "2026-11-25T00:00:00Z", 2),
            ["2026-11-27T00:00:00Z", "2026-12-01T00:00:00Z"]
        );
    }

    #[test]
    fn what_is_no_cron_expression_says_so() {
        for (cron, zone) in [
            ("* * * *", "UTC"),
            ("0 0 0 * * *", "UTC"),
            ("@daily", "UTC"),
            ("60 * * * *", "UTC"),
            ("0 0 31 2 *", "UTC"),
            ("0 0 * * *", "Europe/Nowhere"),
            ("0 0 * * *", "../../etc/passwd"),
            ("", "UTC"),
        ] {
            assert!(crate::check_cron(cron, zone).is_err(), "{cron} {zone}");
        }
    }
}
