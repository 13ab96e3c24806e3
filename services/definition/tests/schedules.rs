//! Schedules: what a document says of them, and what is wrong with it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use kintsugi_core::{CatchUp, Overlap, Schedule, Trigger};
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
