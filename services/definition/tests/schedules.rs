//! Schedules: what a document says of them, and what is wrong with it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use kintsugi_core::{
    CatchUp, EventFilter, Expr, Matcher, On, Overlap, Read, Schedule, Strategy, Template, Trigger,
};
use kintsugi_definition::{Settings, compile};
use serde_json::json;

fn read(settings: &str, schedule: &str) -> Result<Option<Schedule>, Vec<String>> {
    let source = format!(
        "document: {{dsl: 1.0.3, namespace: t, name: t, version: 1.0.0, metadata: \n {{kintsugi: {{{settings}}}}}}}\n\
         {schedule}\ndo: [{{a: {{set: {{x: 1}}}}}}]\n"
    );
    let compiled = compile(source.as_bytes(), &Settings::default());
    compiled.map(|compiled| compiled.schedule).map_err(|problems| {
        problems.0.iter().map(|p| format!("{} {}:{}", p.code, p.line, p.column)).collect()
    })
}

#[test]
fn a_schedule_has_a_trigger_and_policies() {
    assert_eq!(read("", ""), Ok(None));
    let every = read("", "schedule: {every: {minutes: 5}}").unwrap().unwrap();
    let default = Schedule {
        trigger: Trigger::Every(300_000),
        time_zone: "UTC".to_owned(),
        overlap: Overlap::Skip,
        catch_up: CatchUp::Once,
        jitter_ms: 0,
        paused: false,
        input: json!(null),
    };
    assert_eq!(every, default);
    let after = read("", "schedule: {after: PT1H}").unwrap().unwrap();
    assert_eq!(after, Schedule { trigger: Trigger::After(3_600_000), ..default });
    let settings = "queue: q, schedule: {time_zone: Europe/Berlin, overlap: allow, catch_up: all, jitter: 5s, \
                    paused: true, input: {of: [1]}}";
    let cron = read(settings, "schedule: {cron: '0 3 * * 1-5'}").unwrap().unwrap();
    let expected = Schedule {
        trigger: Trigger::Cron("0 3 * * 1-5".to_owned()),
        time_zone: "Europe/Berlin".to_owned(),
        overlap: Overlap::Allow,
        catch_up: CatchUp::All,
        jitter_ms: 5_000,
        paused: true,
        input: json!({"of": [1]}),
    };
    assert_eq!(cron, expected);
}

#[test]
fn events_that_start_runs_are_whole_in_themselves() {
    let text = "schedule: {on: {all: [{with: {type: a, data: '${ .n > 1 }'}, correlate: {of: {from: .data.of, expect: x}}}, \
                {with: {type: '^b.*$'}, correlate: {of: {from: .data.of}}}]}, read: envelope}";
    let found = read("", text).unwrap().unwrap();
    assert_eq!((found.overlap, found.catch_up), (Overlap::Allow, CatchUp::All));
    let Trigger::On(on) = found.trigger else { panic!("{found:?}") };
    let On { to: Strategy::All(filters), read: Read::Envelope, expressions } = *on else {
        panic!("{on:?}")
    };
    assert_eq!(expressions, [".data.of", ".n > 1", "test(\"^b.*$\")"]);
    let [EventFilter { with, correlate }, other] = &filters[..] else { panic!("{filters:?}") };
    assert_eq!(with[0], ("data".to_owned(), Matcher::Expr(Expr(1))));
    assert_eq!(correlate[0].from, Expr(0));
    assert_eq!(correlate[0].expect, Some(Template::Literal(json!("x"))));
    assert_eq!(other.correlate[0].expect, None);

    // The program has none of it, and a task that says the same has its own.
    let source = "document: {dsl: 1.0.3, namespace: t, name: t, version: 1.0.0}\n\
        schedule: {on: {one: {with: {type: a, data: '${ .a }'}}}}\ndo: [{b: {set: {x: '${ .b }', y: '${ .a }'}}}]";
    let compiled = compile(source.as_bytes(), &Settings::default()).unwrap();
    assert_eq!(compiled.program.expressions, [".b", ".a"]);
    assert!(compiled.warnings.is_empty() && compiled.portability.is_empty(), "{compiled:?}");
    let stored = serde_json::to_vec(&compiled.schedule).unwrap();
    let again: Option<Schedule> = serde_json::from_slice(&stored).unwrap();
    assert_eq!(again, compiled.schedule);
}

#[test]
fn what_makes_no_sense_before_there_is_a_run_is_refused() {
    let one = |filter: &str| format!("schedule: {{on: {{one: {{{filter}}}}}}}");
    let of = |from: &str| one(&format!("with: {{type: a}}, correlate: {{of: {{{from}}}}}"));
    for (settings, schedule, expected) in [
        ("", "schedule: {on: {}}".to_owned(), "type 3:16"),
        ("", "schedule: {on: {all: []}}".to_owned(), "empty-list 3:22"),
        ("", "schedule: {on: {one: {with: {type: a}}, read: raw}}".to_owned(), "unknown-key 3:41"),
        ("", "schedule: {on: {any: [], foreach: {}}}".to_owned(), "unknown-key 3:26"),
        ("", "schedule: {on: {any: [], until: '${ true }'}}".to_owned(), "unsupported 3:26"),
        ("", "schedule: {on: {any: []}, every: PT5S}".to_owned(), "ambiguous-schedule 3:11"),
        ("", one("with: {type: '${ $input.x }'}"), "unknown-variable 3:36"),
        ("", one("with: {type: '${ $nothing }'}"), "unknown-variable 3:36"),
        ("", one("with: {source: 'https://x/{shop}'}"), "invalid-uri 3:38"),
        ("", of("from: .data.of, expect: '${ .of }'"), "type 3:81"),
        ("", of("from: $context.of"), "unknown-variable 3:63"),
        ("schedule: {overlap: allow}", one("with: {type: a}"), "no-effect 2:25"),
        ("schedule: {jitter: 5s}", one("with: {type: a}"), "no-effect 2:25"),
        ("schedule: {catch_up: all}", one("with: {type: a}"), "no-effect 2:25"),
        ("schedule: {time_zone: UTC}", one("with: {type: a}"), "no-effect 2:25"),
        ("schedule: {input: 5}", one("with: {type: a}"), "no-effect 2:25"),
    ] {
        let found = read(settings, &schedule);
        assert_eq!(found, Err(vec![expected.to_owned()]), "{settings} {schedule}");
    }
    assert!(read("schedule: {paused: true}", "schedule: {on: {any: []}}").unwrap().unwrap().paused);
}

#[test]
fn what_starts_itself_is_warned_of() {
    let warned = |on: &str, event: &str| {
        let source = format!(
            "document: {{dsl: 1.0.3, namespace: t, name: t, version: 1.0.0}}\nschedule: {{on: {on}}}\n\
             do: [{{tell: {{emit: {{event: {{with: {{{event}}}}}}}}}}}]\n"
        );
        let compiled = compile(source.as_bytes(), &Settings::default()).unwrap();
        let found = compiled.warnings.iter().map(|w| format!("{} {}", w.code, w.pointer));
        found.collect::<Vec<_>>().join(" ")
    };
    let itself = "starts-itself /do/0/tell";
    for (on, event, expected) in [
        ("{one: {with: {type: a}}}", "type: a", itself),
        ("{one: {with: {type: a, subject: s}}}", "type: a, subject: s, data: 1", itself),
        ("{any: [{with: {type: b}}, {with: {type: a}}]}", "type: a", itself),
        ("{any: []}", "type: a", itself),
        ("{all: [{with: {type: a}}]}", "type: a", itself),
        ("{one: {with: {type: b}}}", "type: a", ""),
        ("{one: {with: {type: a, subject: s}}}", "type: a", ""),
        ("{one: {with: {type: a, data: '${ .n > 1 }'}}}", "type: a, data: {n: 2}", ""),
        ("{one: {with: {type: a}}}", "type: '${ .kind }'", ""),
        ("{one: {with: {type: a}, correlate: {of: {from: .data.of}}}}", "type: a", ""),
        ("{all: [{with: {type: a}}, {with: {type: b}}]}", "type: a", ""),
    ] {
        assert_eq!(warned(on, event), expected, "{on} {event}");
    }
}

#[test]
fn what_is_wrong_has_its_code_and_place() {
    let cron = "schedule: {cron: '0 3 * * *'}";
    let every = "schedule: {every: PT5S}";
    for (settings, schedule, expected) in [
        ("schedule: {paused: true}", "", "no-effect 2:24"),
        ("schedule: {time_zone: Mars/Base}", cron, "invalid-cron 3:18"),
        ("schedule: {time_zone: UTC}", every, "no-effect 2:25"),
        ("schedule: {overlap: skip}", "schedule: {after: PT5S}", "no-effect 2:25"),
        ("schedule: {overlap: never}", every, "invalid-value 2:34"),
        ("schedule: {catch_up: some}", every, "invalid-value 2:35"),
        ("schedule: {catch_up: all}", every, "contradiction 2:35"),
        ("schedule: {jitter: 2d}", every, "out-of-range 2:33"),
        ("schedule: {paused: maybe}", every, "type 2:33"),
        ("schedule: {input: {a: '${ .x }'}}", every, "no-effect 2:32"),
        ("schedule: {overlp: skip}", every, "unknown-key 2:25"),
        ("schedule: 5", every, "type 2:24"),
    ] {
        assert_eq!(
            read(settings, schedule),
            Err(vec![expected.to_owned()]),
            "{settings} {schedule}"
        );
    }
}
