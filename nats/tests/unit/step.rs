use super::*;

#[test]
fn processes_of_one_machine_meet_whenever_they_began() {
    for (period, phase) in [(300, 0), (300, u64::MAX), (1_000, 123_456_789), (1, 7)] {
        let meets = |began: u64| began + until_next(period, phase, began);
        let first = meets(1_700_000_000_000);
        for began in 1_700_000_000_000..1_700_000_000_000 + 3 * period {
            let left = until_next(period, phase, began);
            assert!(left >= (period / 4).max(1) && left <= period + period / 4, "{left}");
            assert_eq!(meets(began) % period, first % period);
        }
        assert_eq!(meets(first), first + period, "and then they stay together");
    }
    let next = in_step(Duration::from_secs(1));
    assert!(next >= Duration::from_millis(250) && next <= Duration::from_millis(1_250));
}
