use super::*;

#[test]
fn names_with_wildcards_are_refused() {
    for bad in ["", "a.b", "*", ">", "a b", "a\r\nPUB x", "ü", &"x".repeat(65)] {
        assert!(tasks("default", bad).is_err(), "{bad:?}");
        assert!(tasks(bad, "t").is_err(), "{bad:?}");
        assert!(dead(bad, "t").is_err(), "{bad:?}");
        assert!(consumer_name(bad, "t").is_err(), "{bad:?}");
        assert!(ping(bad).is_err(), "{bad:?}");
        assert!(heartbeat(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn no_two_queues_share_a_consumer() {
    let pairs = [("a", "b-c"), ("a-b", "c"), ("a--b", "c"), ("a", "b--c"), ("a-b-c", "d")];
    let names: std::collections::BTreeSet<_> =
        pairs.iter().map(|(queue, kind)| consumer_name(queue, kind).unwrap()).collect();
    assert_eq!(names.len(), pairs.len());
    assert_eq!(consumer_name("default", "charge-card").unwrap(), "w-default-charge-card");
    assert!(consumer_name("a-", "b").is_err() && consumer_name("a", "-b").is_err());
}
