//! Events that start runs: each rule by itself, and properties over random events.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::{
    CloudEvent, Correlation, Evaluate, EvaluateError, EventFilter, Expr, Heard, Matcher,
    OPEN_BYTES_MAX, OPEN_SETS_MAX, Occasion, Occasions, On, Read, Schema, Strategy as Wanted,
    Template, Variables,
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

/// Expression 0 is `.data.of`, expression 1 fails, expression 2 is `.data | . > 5`.
struct Few;

impl Evaluate for Few {
    fn evaluate(
        &self,
        expr: Expr,
        input: &Value,
        variables: &dyn Variables,
    ) -> Result<Value, EvaluateError> {
        assert_eq!(variables.get("workflow"), None, "there is no run yet");
        match expr.0 {
            0 => Ok(input["data"]["of"].clone()),
            1 => Err(EvaluateError { detail: "it fails".to_owned() }),
            _ => Ok(json!(input.as_i64() > Some(5))),
        }
    }

    fn validate(&self, _: Schema, _: &Value) -> Result<(), EvaluateError> {
        Ok(())
    }
}

fn event(kind: &str, data: &Value) -> CloudEvent {
    let fields =
        json!({"specversion": "1.0", "id": "1", "source": "/s", "type": kind, "data": data});
    CloudEvent::try_from(fields).unwrap()
}

fn filter(kind: &str, from: Option<(u32, Option<&str>)>) -> EventFilter {
    let correlate = from.map(|(from, expect)| Correlation {
        name: "of".to_owned(),
        from: Expr(from),
        expect: expect.map(|text| Template::Literal(json!(text))),
    });
    EventFilter {
        with: vec![("type".to_owned(), Matcher::Equal(json!(kind)))],
        correlate: correlate.into_iter().collect(),
    }
}

fn on(to: Wanted) -> On {
    On { to, read: Read::Data, expressions: Vec::new() }
}

fn hear(sets: &mut Occasions, on: &On, key: &str, kind: &str, data: &Value) -> Heard {
    sets.hear(on, &Few, key, &event(kind, data))
}

fn started(heard: &Heard) -> Option<(Vec<&str>, &Value)> {
    let Occasion { keys, input } = heard.occasion.as_ref()?;
    Some((keys.iter().map(String::as_str).collect(), input))
}

#[test]
fn each_event_that_fits_starts_a_run_and_nothing_is_kept() {
    let both = vec![filter("a", None), filter("b", Some((0, None)))];
    for (to, fitting) in [
        (Wanted::One(filter("a", None)), vec!["1", "4"]),
        (Wanted::Any { filters: both, until: None }, vec!["1", "2", "4"]),
        (Wanted::Any { filters: Vec::new(), until: None }, vec!["1", "2", "3", "4"]),
        (Wanted::One(filter("a", Some((1, None)))), vec![]),
        (Wanted::One(filter("a", Some((0, Some("7"))))), vec!["4"]),
    ] {
        let (on, mut sets, mut found) = (on(to), Occasions::default(), Vec::new());
        let events = [
            ("1", "a", json!({"of": 6})),
            ("2", "b", json!({"of": 6})),
            ("3", "b", json!({"of": null})),
            ("4", "a", json!({"of": 7})),
        ];
        for (key, kind, data) in events {
            let heard = hear(&mut sets, &on, key, kind, &data);
            assert!(!heard.changed);
            let Some((keys, input)) = started(&heard) else { continue };
            assert_eq!((keys, input), (vec![key], &json!([data])));
            found.push(key);
        }
        assert_eq!((found, &sets), (fitting, &Occasions::default()), "{on:?}");
    }
}

#[test]
fn what_is_kept_of_an_event_is_what_is_read() {
    let with = vec![("data".to_owned(), Matcher::Expr(Expr(2)))];
    let to = Wanted::One(EventFilter { with, correlate: Vec::new() });
    for (read, wanted) in [
        (Read::Data, json!([6])),
        (Read::Raw, json!(["6"])),
        (Read::Envelope, json!([event("a", &json!(6)).fields()])),
    ] {
        let on = On { read, ..on(to.clone()) };
        let mut sets = Occasions::default();
        assert_eq!(started(&hear(&mut sets, &on, "1", "a", &json!(5))), None);
        let heard = hear(&mut sets, &on, "2", "a", &json!(6));
        assert_eq!(started(&heard), Some((vec!["2"], &wanted)));
    }
}

#[test]
fn a_set_has_an_event_for_each_filter_in_the_order_in_which_they_came() {
    let on = on(Wanted::All(vec![filter("a", None), filter("b", None)]));
    let mut sets = Occasions::default();
    for (key, kind) in [("1", "b"), ("2", "b"), ("3", "z")] {
        let heard = hear(&mut sets, &on, key, kind, &json!(key));
        assert_eq!((started(&heard), heard.changed), (None, kind == "b"));
    }
    assert_eq!(sets.open(), 2);
    // A repeat changes nothing, whether its set is open or not.
    assert_eq!(hear(&mut sets, &on, "1", "b", &json!("again")), Heard::default());
    let heard = hear(&mut sets, &on, "4", "a", &json!("4"));
    assert_eq!(started(&heard), Some((vec!["1", "4"], &json!(["1", "4"]))));
    for key in ["1", "4"] {
        assert_eq!(hear(&mut sets, &on, key, "a", &json!("again")), Heard::default());
    }
    let stored = serde_json::to_string(&sets).unwrap();
    let mut sets: Occasions = serde_json::from_str(&stored).unwrap();
    let heard = hear(&mut sets, &on, "5", "a", &json!("5"));
    assert_eq!(started(&heard), Some((vec!["2", "5"], &json!(["2", "5"]))));
    assert_eq!(sets.open(), 0);
}

#[test]
fn events_that_belong_together_have_one_value() {
    let of = |kind| filter(kind, Some((0, None)));
    let open = on(Wanted::All(vec![of("a"), of("b")]));
    let mut sets = Occasions::default();
    let tell = |sets: &mut Occasions, key: &str, kind: &str, of: Value| {
        let heard = hear(sets, &open, key, kind, &json!({ "of": of }));
        started(&heard).map(|(keys, _)| keys.join(" "))
    };
    assert_eq!(tell(&mut sets, "1", "a", json!("x")), None);
    assert_eq!(tell(&mut sets, "2", "b", json!("y")), None);
    assert_eq!(tell(&mut sets, "3", "b", Value::Null), None);
    assert_eq!(sets.open(), 2);
    assert_eq!(tell(&mut sets, "4", "a", json!("y")).as_deref(), Some("2 4"));
    assert_eq!(tell(&mut sets, "5", "b", json!("x")).as_deref(), Some("1 5"));

    let only = on(Wanted::All(vec![filter("a", Some((0, Some("x")))), of("b")]));
    let mut sets = Occasions::default();
    assert_eq!(hear(&mut sets, &only, "1", "b", &json!({"of": "y"})), Heard::default());
    assert!(hear(&mut sets, &only, "2", "b", &json!({"of": "x"})).changed);
}

#[test]
fn what_is_open_is_bounded_and_the_oldest_is_given_up() {
    let on = on(Wanted::All(vec![filter("a", None), filter("b", None)]));
    let mut sets = Occasions::default();
    for n in 0..OPEN_SETS_MAX {
        assert_eq!(hear(&mut sets, &on, &format!("{n}"), "a", &json!(n)).given_up, 0);
    }
    let heard = hear(&mut sets, &on, "more", "a", &json!("more"));
    assert_eq!((heard.given_up, sets.open()), (1, OPEN_SETS_MAX));
    let heard = hear(&mut sets, &on, "b", "b", &json!("b"));
    assert_eq!(started(&heard).unwrap().0, ["1", "b"], "the first was given up");

    let mut sets = Occasions::default();
    let large = json!("x".repeat(usize::try_from(OPEN_BYTES_MAX / 4).unwrap()));
    let given_up = (0..9).map(|n| hear(&mut sets, &on, &format!("{n}"), "a", &large).given_up);
    assert_eq!(given_up.sum::<u64>(), 6);
    assert_eq!(sets.open(), 3);
    let bytes = serde_json::to_vec(&sets).unwrap().len() as u64;
    assert!(bytes < OPEN_BYTES_MAX, "{bytes}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever comes, in whatever order and however often: each event is part of one set, each set has an
    /// event for each filter and one value, and what can be complete is.
    #[test]
    fn no_event_is_lost_and_none_counts_twice(
        events in vec((0..3_usize, 0..3_u64, 0..40_u64), 0..120)
    ) {
        let kinds = ["a", "b", "c"];
        let on = on(Wanted::All(kinds.map(|kind| filter(kind, Some((0, None)))).to_vec()));
        let (mut sets, mut used) = (Occasions::default(), BTreeSet::new());
        let mut known: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        for (kind, of, id) in events {
            let key = format!("{id}");
            let (kind, of) = *known.entry(key.clone()).or_insert((kind, of));
            let heard = hear(&mut sets, &on, &key, kinds[kind], &json!({ "of": of }));
            prop_assert_eq!(heard.given_up, 0);
            let Some((keys, input)) = started(&heard) else { continue };
            let own: BTreeSet<_> = keys.iter().map(|key| known[*key]).collect();
            let wanted = BTreeSet::from([(0, of), (1, of), (2, of)]);
            prop_assert_eq!(own, wanted);
            prop_assert_eq!(input.as_array().map(Vec::len), Some(3));
            for key in keys {
                prop_assert!(used.insert(key.to_owned()), "{} counts twice", key);
            }
        }
        let count = |kind, of| known.values().filter(|it| **it == (kind, of)).count();
        let complete: usize =
            (0..3).map(|of| (0..3).map(|kind| count(kind, of)).min().unwrap_or(0)).sum();
        prop_assert_eq!(used.len(), complete * 3);
        let open: usize = (0..3)
            .map(|of| {
                let counts = [0, 1, 2].map(|kind| count(kind, of));
                counts.iter().max().unwrap() - counts.iter().min().unwrap()
            })
            .sum();
        prop_assert_eq!(sets.open(), open);
    }
}
