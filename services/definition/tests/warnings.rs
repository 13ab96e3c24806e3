//! What is accepted but probably not meant: each warning where it belongs, and nowhere else.

mod common;

use common::{body, official};
use kintsugi_definition::{Resources, Settings, Step, compile_with};

fn warnings(text: &str) -> Vec<String> {
    let compiled = body(text).unwrap_or_else(|problems| panic!("{text}: {problems}"));
    compiled.warnings.iter().map(|w| format!("{} {}", w.code, w.pointer)).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_warning_is_where_it_belongs() {
    let set = "set: {x: 1}";
    for (text, expected) in [
        // The order of tasks.
        (
            format!("do: [{{a: {{{set}, then: end}}}}, {{b: {{{set}}}}}]"),
            "unreachable-task /do/1/b",
        ),
        (
            format!("do: [{{a: {{{set}, then: c}}}}, {{b: {{{set}}}}}, {{c: {{{set}}}}}]"),
            "unreachable-task /do/1/b",
        ),
        (
            format!(
                "do: [{{a: {{raise: {{error: {{type: 'https://e', status: 400}}}}}}}}, {{b: {{{set}}}}}]"
            ),
            "unreachable-task /do/1/b",
        ),
        (
            format!("do: [{{a: {{do: [{{x: {{{set}, then: end}}}}]}}}}, {{b: {{{set}}}}}]"),
            "unreachable-task /do/1/b",
        ),
        (
            format!(
                "do: [{{a: {{switch: [{{one: {{when: .x, then: end}}}}, {{two: {{then: exit}}}}]}}}}, {{b: {{{set}}}}}]"
            ),
            "unreachable-task /do/1/b",
        ),
        (format!("do: [{{a: {{{set}}}}}, {{b: {{{set}, then: a}}}}]"), "endless-loop /do/0/a"),
        (format!("do: [{{a: {{{set}, then: a}}}}]"), "endless-loop /do/0/a"),
        // Conditions.
        (format!("do: [{{a: {{if: 'false', {set}}}}}]"), "constant-condition /do/0/a"),
        (format!("do: [{{a: {{if: '${{ null }}', {set}}}}}]"), "constant-condition /do/0/a"),
        (format!("do: [{{a: {{if: 'true', {set}}}}}]"), "constant-condition /do/0/a"),
        (
            format!("do: [{{a: {{for: {{in: .x}}, while: 'false', do: [{{b: {{{set}}}}}]}}}}]"),
            "constant-condition /do/0/a",
        ),
        (
            "do: [{a: {switch: [{x: {when: 'true', then: end}}]}}]".to_owned(),
            "constant-condition /do/0/a",
        ),
        // Limits.
        (
            format!(
                "do: [{{a: {{timeout: {{after: PT1S}}, do: [{{b: {{{set}, timeout: {{after: PT2S}}}}}}]}}}}]"
            ),
            "timeout-exceeds-parent /do/0/a/do/0/b",
        ),
        (
            format!("timeout: {{after: PT1S}}\ndo: [{{b: {{{set}, timeout: {{after: PT2S}}}}}}]"),
            "timeout-exceeds-parent /do/0/b",
        ),
        (
            "timeout: {after: PT1M}\ndo: [{b: {wait: PT1H}}]".to_owned(),
            "wait-exceeds-timeout /do/0/b",
        ),
        // Handlers.
        ("do: [{a: {try: [], catch: {}}}]".to_owned(), "catch-never-matches /do/0/a"),
        (
            format!(
                "do: [{{a: {{try: [{{b: {{{set}}}}}], catch: {{errors: {{with: {{status: 404}}}}}}}}}}]"
            ),
            "catch-never-matches /do/0/a",
        ),
        (
            "do: [{a: {try: [{b: {call: x}}], catch: {errors: {with: {instance: /do/7/z}}}}}]"
                .to_owned(),
            "catch-never-matches /do/0/a",
        ),
        (
            "do: [{a: {try: [{b: {call: x}}], catch: {when: 'false'}}}]".to_owned(),
            "catch-never-matches /do/0/a",
        ),
        (
            "do: [{a: {try: [{b: {call: x}}], catch: {retry: {limit: {attempt: {count: 0}}}}}}]"
                .to_owned(),
            "useless-retry /do/0/a",
        ),
        (
            format!("do: [{{a: {{try: [{{b: {{{set}}}}}], catch: {{retry: {{delay: PT1S}}}}}}}}]"),
            "useless-retry /do/0/a",
        ),
        // What stands in `use` and in `call`.
        (
            format!(
                "use: {{errors: {{e: {{type: 'https://e', status: 400}}}}}}\ndo: [{{a: {{{set}}}}}]"
            ),
            "unused-entry /use/errors/e",
        ),
        (
            format!("use: {{functions: {{f: {{{set}}}}}}}\ndo: [{{a: {{{set}}}}}]"),
            "unused-entry /use/functions/f",
        ),
        (
            format!("use: {{timeouts: {{t: {{after: PT1S}}}}}}\ndo: [{{a: {{{set}}}}}]"),
            "unused-entry /use/timeouts/t",
        ),
        ("do: [{a: {call: htpp, with: {x: 1}}}]".to_owned(), "suspicious-task-type /do/0/a/call"),
        ("do: [{a: {call: openpai}}]".to_owned(), "suspicious-task-type /do/0/a/call"),
        // Variables.
        (
            format!(
                "do: [{{a: {{for: {{in: .x, each: i}}, do: [{{b: {{for: {{in: .y, each: i, at: j}}, do: [{{c: {{{set}}}}}]}}}}]}}}}]"
            ),
            "shadowed-variable /do/0/a/do/0/b/for/each",
        ),
    ] {
        assert_eq!(warnings(&text), [expected], "{text}");
    }
}

#[test]
fn what_may_well_be_meant_is_not_warned_of() {
    for text in [
        "do: [{a: {set: {x: 1}, if: .x, then: end}}, {b: {set: {x: 1}}}]",
        "do: [{a: {if: .x, raise: {error: {type: 'https://e', status: 400}}}}, {b: {set: {x: 1}}}]",
        "do: [{a: {set: {x: 1}}}, {s: {switch: [{m: {when: .x < 5, then: a}}]}}]",
        // A loop that waits, or has something done, may go on for ever.
        "do: [{a: {wait: PT1S}}, {b: {set: {x: 1}, then: a}}]",
        "do: [{a: {call: poll, then: a}}]",
        "do: [{a: {try: [{b: {raise: {error: {type: 'https://e', status: 404}}}}], catch: {errors: {with: {status: 404}}}}}, {c: {set: {x: 1}}}]",
        "do: [{a: {try: [{b: {set: {x: '${ .a + 1 }'}}}], catch: {errors: {with: {status: 400}}}}}]",
        "do: [{a: {try: [{b: {call: x}}], catch: {errors: {with: {status: 404, instance: /do/0/a/try/0/b}}, retry: {}}}}]",
        "do: [{a: {timeout: {after: PT1M}, do: [{b: {wait: PT1S, timeout: {after: PT30S}}}]}}]",
        "do: [{a: {for: {in: .x}, do: [{b: {set: {x: 1}}}]}}, {c: {for: {in: .x}, do: [{d: {set: {x: 1}}}]}}]",
        "do: [{a: {call: charge}}, {b: {call: simulate}}, {c: {call: ab}}]",
    ] {
        let text =
            text.replace("}, }]", "}}]").replace("{b: {set: {x: 1}}}}]", "{b: {set: {x: 1}}}]");
        assert_eq!(warnings(&text), [""; 0], "{text}");
    }
}

#[test]
fn the_official_examples_are_warned_of_what_they_say() {
    let Some(folder) = official::folder() else { return };
    let all = official::examples(&folder).into_iter().chain(official::scenarios(&folder));
    let mut found = Vec::new();
    for (name, text) in all {
        let step = compile_with(text.as_bytes(), &Settings::default(), &Resources::default());
        let Ok(Step::Done(compiled)) = step else { continue };
        for warning in compiled.warnings {
            found.push(format!("{name}: {} {}", warning.code, warning.pointer));
        }
    }
    // Values of the last three examples are texts by the letter (profile, "Expression-like text").
    // The others write secrets out, and name an endpoint that no call asks.
    let known = [
        "authentication-oauth2.yaml: no-effect /do/0/getPet/with/endpoint/authentication/oauth2/endpoints/introspection",
        "authentication-oauth2.yaml: secret-in-document /do/0/getPet/with/endpoint/authentication/oauth2/client/secret",
        "authentication-oidc.yaml: secret-in-document /do/0/getPet/with/endpoint/authentication/oidc/client/secret",
        "conditional-task.yaml: literal-expression /do/1/placeBet/with/body/bet",
        "conditional-task.yaml: literal-expression /do/1/placeBet/with/body/customer",
        "run-subflow.yaml: literal-expression /do/0/registerCustomer/run/workflow/input/customer",
        "try-catch-then.yaml: literal-expression /do/0/tryGetPet/catch/do/1/setError/set/error",
    ];
    found.retain(|one| !known.contains(&one.as_str()));
    assert_eq!(found, [""; 0]);
}
