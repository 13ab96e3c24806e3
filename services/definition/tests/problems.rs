//! What is refused: the code and the position of every problem.

mod common;

use common::{HEAD, body};
use kintsugi_definition::{Settings, compile};

/// Problems of a body as `code line:column`; the body starts in line 2.
fn problems(text: &str) -> Vec<String> {
    match body(text) {
        Ok(compiled) => panic!("accepted: {text}\n{:?}", compiled.program),
        Err(problems) => {
            problems.0.iter().map(|p| format!("{} {}:{}", p.code, p.line, p.column)).collect()
        }
    }
}

fn whole(source: &str) -> Vec<String> {
    match compile(source.as_bytes(), &Settings::default()) {
        Ok(_) => panic!("accepted: {source}"),
        Err(problems) => {
            problems.0.iter().map(|p| format!("{} {}:{}", p.code, p.line, p.column)).collect()
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_bad_body_has_its_code_and_place() {
    for (text, expected) in [
        ("do: [{a: {cal: x}}]", "missing-keyword 2:10"),
        ("do: [{a: {set: {x: 1}, wait: PT1S}}]", "ambiguous-task 2:10"),
        ("do: [{a: {set: {x: 1}, thn: end}}]", "unknown-key 2:24"),
        ("dos: []\ndo: [{a: {set: {x: 1}}}]", "unknown-key 2:1"),
        ("do: {a: {set: {x: 1}}}", "type 2:5"),
        ("do: [{a: {set: {x: 1}}, b: {set: {x: 1}}}]", "type 2:6"),
        ("do: [{a: {set: {x: 1}}}, {a: {set: {x: 1}}}]", "duplicate-name 2:27"),
        ("do: [{a: {set: {x: 1}, then: b}}]", "unknown-target 2:30"),
        ("do: [{a: {do: [{b: {set: {x: 1}, then: a}}]}}]", "unknown-target 2:40"),
        (
            "do: [{a: {fork: {branches: [{b: {set: {x: 1}, then: c}}, {c: {set: {x: 1}}}]}}}]",
            "unknown-target 2:53",
        ),
        ("do: [{a: {fork: {branches: []}}}]", "empty-list 2:28"),
        ("do: [{a: {fork: {branches: [{b: {set: {x: 1}}}], compete: yes}}}]", "type 2:59"),
        ("do: [{a: {set: {}}}]", "missing-key 2:16"),
        ("do: [{a: {set: text}}]", "type 2:16"),
        ("do: [{a: {set: {x: '${ .a | }'}}}]", "invalid-expression 2:20"),
        ("do: [{a: {set: {x: '${ foo(1) }'}}}]", "invalid-expression 2:20"),
        ("do: [{a: {set: {x: '${ $item }'}}}]", "unknown-variable 2:20"),
        ("do: [{a: {set: {x: '${ }'}}}]", "invalid-expression 2:20"),
        ("do: [{a: {if: '.a +', set: {x: 1}}}]", "invalid-expression 2:15"),
        ("do: [{a: {if: true, set: {x: 1}}}]", "type 2:15"),
        ("do: [{a: {wait: 5s}}]", "invalid-duration 2:17"),
        ("do: [{a: {wait: P1M}}]", "invalid-duration 2:17"),
        ("do: [{a: {wait: {}}}]", "invalid-duration 2:17"),
        ("do: [{a: {wait: {seconds: -1}}}]", "out-of-range 2:27"),
        ("do: [{a: {wait: {second: 1}}}]", "unknown-key 2:18"),
        ("do: [{a: {wait: {seconds: 1.5}}}]", "out-of-range 2:27"),
        ("do: [{a: {wait: 5}}]", "type 2:17"),
        ("do: [{a: {switch: []}}]", "empty-list 2:19"),
        ("do: [{a: {switch: [{x: {when: .a}}]}}]", "missing-key 2:24"),
        ("do: [{a: {switch: [{x: {then: end}}, {y: {then: end}}]}}]", "duplicate-default 2:39"),
        ("do: [{a: {for: {each: x}, do: []}}]", "missing-key 2:16"),
        ("do: [{a: {for: {in: .x, each: 1x}, do: []}}]", "invalid-variable 2:31"),
        ("do: [{a: {for: {in: .x, each: input}, do: []}}]", "invalid-variable 2:31"),
        ("do: [{a: {for: {in: .x, each: i, at: i}, do: []}}]", "invalid-variable 2:16"),
        ("do: [{a: {for: {in: 5}, do: []}}]", "type 2:21"),
        ("do: [{a: {try: []}}]", "missing-key 2:10"),
        ("do: [{a: {try: [], catch: {retry: none}}}]", "unknown-reference 2:35"),
        ("do: [{a: {try: [], catch: {errors: {with: {}}}}}]", "missing-key 2:43"),
        (
            "do: [{a: {try: [], catch: {retry: {backoff: {constant: {}, linear: {}}}}}}]",
            "type 2:45",
        ),
        (
            "do: [{a: {try: [], catch: {retry: {backoff: {linear: {factor: 2}}}}}}]",
            "unknown-key 2:55",
        ),
        (
            "do: [{a: {try: [], catch: {retry: {limit: {attempt: {count: -1}}}}}}]",
            "out-of-range 2:61",
        ),
        (
            "do: [{a: {try: [], catch: {retry: {jitter: {from: PT2S, to: PT1S}}}}}]",
            "out-of-range 2:61",
        ),
        ("do: [{a: {raise: {error: oops}}}]", "unknown-reference 2:26"),
        ("do: [{a: {raise: {error: {type: x}}}}]", "missing-key 2:26"),
        ("do: [{a: {raise: {error: {type: x, status: 99}}}}]", "out-of-range 2:44"),
        ("do: [{a: {call: Charge}}]", "invalid-name 2:17"),
        ("do: [{a: {call: grpc}}]", "missing-key 2:10"),
        ("do: [{a: {call: charge, with: 5}}]", "type 2:31"),
        ("do: [{a: {call: http}}]", "missing-key 2:10"),
        ("do: [{a: {call: http, with: {method: get}}}]", "missing-key 2:29"),
        (
            "do: [{a: {call: http, with: {method: 'g t', endpoint: 'http://x'}}}]",
            "invalid-value 2:38",
        ),
        (
            "do: [{a: {call: http, with: {method: get, endpoint: 'http://x/{a'}}}]",
            "invalid-uri 2:53",
        ),
        (
            "do: [{a: {call: http, with: {method: get, endpoint: 'http://x/{?a}'}}}]",
            "invalid-uri 2:53",
        ),
        (
            "do: [{a: {call: http, with: {method: get, endpoint: 'http://x', output: all}}}]",
            "invalid-value 2:73",
        ),
        (
            "do: [{a: {call: http, with: {method: get, endpoint: 'http://x', query: {a: 1}}}}]",
            "type 2:76",
        ),
        ("do: [{a: {run: {}}}]", "ambiguous-task 2:16"),
        ("do: [{a: {run: {shell: {command: x}}}}]", "not-allowed 2:24"),
        ("do: [{a: {call: run-shell}}]", "invalid-name 2:17"),
        ("do: [{a: {emit: {event: {}}}}]", "missing-key 2:25"),
        ("do: [{a: {emit: {event: {with: {data: 1}}}}}]", "missing-key 2:32"),
        ("do: [{a: {emit: {event: {with: {type: t, roomId: 1}}}}}]", "unknown-key 2:42"),
        ("do: [{a: {emit: {event: {with: {type: t, id: ''}}}}}]", "invalid-value 2:46"),
        ("do: [{a: {emit: {event: {with: {type: t, time: now}}}}}]", "invalid-value 2:48"),
        ("do: [{a: {emit: {event: {with: {type: t, x: [1]}}}}}]", "type 2:45"),
        ("do: [{a: {emit: {event: {with: {type: t, source: 'a b'}}}}}]", "invalid-uri 2:50"),
        ("do: [{a: {listen: {}}}]", "missing-key 2:19"),
        ("do: [{a: {listen: {to: {}}}}]", "type 2:24"),
        ("do: [{a: {listen: {to: {any: [], all: []}}}}]", "type 2:24"),
        ("do: [{a: {listen: {to: {all: []}}}}]", "empty-list 2:30"),
        ("do: [{a: {listen: {to: {any: []}, read: all}}}]", "invalid-value 2:41"),
        ("do: [{a: {listen: {to: {any: [], until: 5}}}}]", "type 2:41"),
        ("do: [{a: {listen: {to: {any: [], until: {any: [], until: .x}}}}}]", "unknown-key 2:51"),
        ("do: [{a: {listen: {to: {one: {with: {type: t}}, until: .x}}}}]", "unknown-key 2:56"),
        ("do: [{a: {listen: {to: {one: {with: {}}}}}}]", "missing-key 2:37"),
        ("do: [{a: {listen: {to: {one: {with: {type: 5}}}}}}]", "type 2:44"),
        ("do: [{a: {listen: {to: {one: {with: {type: '^(a$'}}}}}}]", "invalid-regex 2:44"),
        (
            "do: [{a: {listen: {to: {one: {with: {data: '${ .a + }'}}}}}}]",
            "invalid-expression 2:44",
        ),
        (
            "do: [{a: {listen: {to: {one: {with: {type: t}, correlate: {a: {}}}}}}}]",
            "missing-key 2:63",
        ),
        (
            "do: [{a: {listen: {to: {all: [{with: {type: t}, correlate: {a: {from: .x, expect: '1'}}}, {with: {type: t}, correlate: {a: {from: .x, expect: '2'}}}]}}}}]",
            "contradiction 2:143",
        ),
        (
            "do: [{a: {listen: {to: {any: []}}, foreach: {item: x, at: x}}}]",
            "invalid-variable 2:45",
        ),
        (
            "do: [{a: {listen: {to: {any: []}}, foreach: {do: [{b: {cal: x}}]}}}]",
            "missing-keyword 2:55",
        ),
        ("do: [{a: {set: {x: '${ $item }'}}}]", "unknown-variable 2:20"),
        ("do: [{a: {run: {workflow: {namespace: n, name: W}}}}]", "invalid-name 2:48"),
        ("do: [{a: {run: {workflow: {namespace: n}}}}]", "missing-key 2:27"),
        (
            "do: [{a: {run: {workflow: {namespace: n, name: w, version: new}}}}]",
            "invalid-version 2:60",
        ),
        ("do: [{a: {run: {workflow: {namespace: n, name: w, input: text}}}}]", "type 2:58"),
        ("do: [{a: {run: {await: 1, workflow: {namespace: n, name: w}}}}]", "type 2:24"),
        ("do: [{a: {set: {x: 1}, metadata: {kintsugi: {queue: x}}}}]", "no-effect 2:35"),
        ("do: [{a: {call: x, metadata: {kintsugi: {queu: x}}}}]", "unknown-key 2:42"),
        ("do: [{a: {call: x, metadata: {kintsugi: {queue: 'a.b'}}}}]", "invalid-name 2:49"),
        ("do: [{a: {call: x, metadata: {kintsugi: {when_exhausted: die}}}}]", "invalid-value 2:58"),
        ("do: [{a: {call: x, metadata: {kintsugi: {crashes_max: 0}}}}]", "out-of-range 2:55"),
        ("do: [{a: {call: x, metadata: {kintsugi: {quarantine: 21}}}}]", "out-of-range 2:54"),
        ("do: [{a: {call: x, metadata: {kintsugi: {quarantine: true}}}}]", "type 2:54"),
        (
            "do: [{a: {call: x, metadata: {kintsugi: {quarantine: {after: 3}}}}}]",
            "unknown-key 2:55",
        ),
        (
            "do: [{a: {call: x, metadata: {kintsugi: {quarantine: {release: 0s}}}}}]",
            "out-of-range 2:64",
        ),
        ("do: [{a: {call: x, metadata: {kintsugi: {start_to_close: 0s}}}}]", "out-of-range 2:58"),
        (
            "do: [{a: {call: x, metadata: {kintsugi: {retry: {maximum_attempts: 0}}}}}]",
            "out-of-range 2:68",
        ),
        (
            "do: [{a: {call: x, metadata: {kintsugi: {retry: {backoff: cubic}}}}}]",
            "invalid-value 2:59",
        ),
        (
            "do: [{a: {call: x, metadata: {kintsugi: {retry: {backoff: linear, backoff_coefficient: 2}}}}}]",
            "no-effect 2:67",
        ),
        ("do: [{a: {call: x, metadata: {kintsugi: {retry: {jitter: 2}}}}}]", "out-of-range 2:58"),
        ("do: [{a: {set: {x: 1}, timeout: slow}}]", "unknown-reference 2:33"),
        ("do: [{a: {set: {x: 1}, input: {schema: {document: {type: 5}}}}}]", "invalid-schema 2:51"),
        (
            "do: [{a: {set: {x: 1}, input: {schema: {resource: {endpoint: x}}}}}]",
            "invalid-uri 2:62",
        ),
        (
            "do: [{a: {set: {x: 1}, input: {schema: {format: avro, document: {}}}}}]",
            "unsupported 2:49",
        ),
        (
            "do: [{a: {set: {x: 1}, input: {schema: {document: {$ref: 'http://x/y'}}}}}]",
            "missing-resource 2:51",
        ),
        (
            "do: [{a: {set: {x: 1}, input: {schema: {document: {$ref: 'file:///etc/passwd'}}}}}]",
            "missing-resource 2:51",
        ),
        (
            "do: [{a: {set: {x: 1}, input: {schema: {document: {pattern: '(a'}}}}}]",
            "invalid-schema 2:51",
        ),
        ("do: [{a: {set: {x: 1}, output: {as: 5}}}]", "type 2:37"),
        ("do: []\nuse: {secrets: 5}", "type 3:16"),
        ("do: []\nuse: {retries: {r: {dely: PT1S}}}", "unknown-key 3:21"),
        ("do: []\nuse: {errors: {e: {type: x}}}", "missing-key 3:19"),
        ("do: []\nevaluate: {mode: lose}", "invalid-value 3:18"),
        ("do: []\nevaluate: {language: cel}", "unsupported 3:22"),
        ("do: []\nschedule: {every: PT0.5S}", "out-of-range 3:19"),
        ("do: []\nschedule: {every: 1s}", "invalid-duration 3:19"),
        ("do: []\nschedule: {every: '${ .x }'}", "unsupported 3:19"),
        ("do: []\nschedule: {every: PT1S, cron: '* * * * *'}", "ambiguous-schedule 3:11"),
        ("do: []\nschedule: {}", "ambiguous-schedule 3:11"),
        ("do: []\nschedule: {evry: PT1S, after: PT1S}", "unknown-key 3:12"),
        ("do: []\nschedule: {cron: '* * * *'}", "invalid-cron 3:18"),
        ("do: []\nschedule: {cron: '0 0 31 2 *'}", "invalid-cron 3:18"),
        ("do: []\nschedule: {after: PT1S, read: data}", "unknown-key 3:31"),
        ("do: []\nschedule: {on: {one: {with: {typ: '${ . }'}}, two: 1}}", "unknown-key 3:47"),
        ("do: [{a: {set: &x {y: 1}}}]", "unsupported 2:16"),
        ("do: [{a: {set: {x: *y}}}]", "syntax 2:20"),
        ("do: [{a: {set: {<<: 1}}}]", "unsupported 2:17"),
        ("do: [{a: {set: {x: 1, x: 2}}}]", "duplicate-key 2:23"),
        ("do: [{a: {set: {x: .inf}}}]", "number-range 2:20"),
        ("do: [{a: {set: {x: 99999999999999999999}}}]", "integer-range 2:20"),
        ("do: [{a: {set: {x: !!binary aGk=}}}]", "unsupported 2:20"),
        ("do: [{a: {set: {x: !own y}}}]", "unsupported 2:20"),
        ("do: [{a: {set: {[1]: y}}}]", "key-not-string 2:17"),
        ("do: [{a: {set: {x: \"a\\0b\"}}}]", "nul-character 2:20"),
        ("do: []\n---\ndo: []", "multiple-documents 3:1"),
        ("do: [", "syntax 3:1"),
        ("do: []\n\tx: 1", "syntax 3:1"),
    ] {
        let found = problems(text);
        let mut shown = found.clone();
        shown.sort();
        // Positions of syntax errors are the parser's.
        let fits = if expected.starts_with("syntax") {
            found.len() == 1 && found[0].starts_with("syntax 2:")
                || found[0].starts_with("syntax 3:")
        } else {
            found == [expected]
        };
        assert!(
            fits,
            "{text}\n  expected {expected}\n  found    {shown:?}\n{:?}",
            body(text).err()
        );
    }
}

#[test]
fn a_bad_document_has_its_code_and_place() {
    let nested =
        |open: &str, close: &str, n: usize| format!("{}{}", open.repeat(n), close.repeat(n));
    for (source, expected) in [
        (String::new(), "empty-document 1:1"),
        ("# nothing".to_owned(), "empty-document 1:1"),
        ("5".to_owned(), "type 1:1"),
        ("[1]".to_owned(), "type 1:1"),
        ("do: []".to_owned(), "missing-key 1:1"),
        ("{\"do\": [], \"do\": []}".to_owned(), "duplicate-key 1:12"),
        ("{\"do\": \"\\ud800\"}".to_owned(), "lone-surrogate 1:9"),
        ("{\"do\": \"\\ud800\\u0041\"}".to_owned(), "lone-surrogate 1:9"),
        ("{\"do\": \"\\udc00\"}".to_owned(), "lone-surrogate 1:9"),
        ("{\"do\": \"\\u0000\"}".to_owned(), "nul-character 1:9"),
        ("{\"do\": 1e999}".to_owned(), "number-range 1:8"),
        ("{\"do\": 123456789012345678901}".to_owned(), "integer-range 1:8"),
        ("{\"do\": [}".to_owned(), "syntax 1:9"),
        ("{\"do\": [],,}".to_owned(), "syntax 1:12"),
        ("do: \"\\uD800\"".to_owned(), "syntax 1:5"),
        ("a\0b".to_owned(), "nul-character 1:2"),
        (format!("{{\"do\": {}}}", nested("[", "]", 10_000)), "too-deep 1:71"),
        (format!("do: {}", nested("[", "]", 10_000)), "too-deep 1:68"),
        (nested("- ", "", 10_000), "too-deep 1:129"),
        (nested("{\"a\":", "}", 10_000), "too-deep 1:321"),
        (
            (0..500).fold(String::new(), |all, n| format!("{all}{}a:\n", " ".repeat(n))),
            "too-deep 65:65",
        ),
        ("x".repeat(5_000_000), "document-too-large 1:1"),
        (format!("do: [{}]", "1,".repeat(200_000)), "document-too-large 1:200006"),
        (format!("{{\"do\": [{}1]}}", "1,".repeat(200_000)), "document-too-large 1:200005"),
    ] {
        let started = std::time::Instant::now();
        let found = whole(&source);
        let took = started.elapsed();
        println!("{took:?} {source:.20}");
        assert!(took.as_secs() < 3, "{took:?}: {source:.60}");
        let head: String = source.chars().take(60).collect();
        let fits = match expected.split_once(' ') {
            Some((code @ ("syntax" | "too-deep"), _)) => {
                found.len() == 1 && found[0].starts_with(code)
            }
            _ => found == [expected],
        };
        assert!(fits, "{head}: {expected} {found:?}");
    }
}

#[test]
fn names_and_versions_are_checked() {
    for (document, expected) in [
        ("{dsl: 1.0.3, namespace: Test, name: a, version: 0.1.0}", "invalid-name 1:35"),
        ("{dsl: 1.0.3, namespace: t, name: a_b, version: 0.1.0}", "invalid-name 1:44"),
        ("{dsl: 1.0.3, namespace: t, name: a, version: '1'}", "invalid-version 1:56"),
        ("{dsl: 1.0.3, namespace: t, name: a, version: 1.0}", "type 1:56"),
        ("{dsl: 0.8.0, namespace: t, name: a, version: 1.0.0}", "unsupported 1:17"),
        ("{dsl: 1.0.3, namespace: t, version: 1.0.0}", "missing-key 1:11"),
        ("{dsl: 1.0.3, namespace: t, name: a, version: 1.0.0, nam: b}", "unknown-key 1:63"),
        ("{dsl: 1.0.3, namespace: t, name: a, version: 1.0.0, tags: 5}", "type 1:69"),
    ] {
        assert_eq!(whole(&format!("document: {document}\ndo: []")), [expected], "{document}");
    }
}

#[test]
fn all_problems_are_told_at_once_in_order() {
    let text = "do:\n  - a:\n      cal: x\n  - b:\n      set: {x: '${ .a | }'}\n      then: nowhere\n  - c:\n      wait: soon\n";
    let expected = [
        "missing-keyword 4:7",
        "invalid-expression 6:16",
        "unknown-target 7:13",
        "invalid-duration 9:13",
    ];
    assert_eq!(problems(text), expected);
    let err = body(text).unwrap_err();
    assert_eq!(err.0[0].hint.as_deref(), Some("did you mean `call`?"));
    assert_eq!(err.0[1].pointer, "/do/1/b/set/x");
    assert!(err.0[1].message.contains("character 5"), "{err}");
}

#[test]
fn a_thousand_problems_are_cut_to_a_hundred() {
    let tasks: String =
        (0..1000).fold(String::new(), |all, n| format!("{all}  - t{n}: {{cal: x}}\n"));
    let err = body(&format!("do:\n{tasks}")).unwrap_err();
    assert_eq!(err.0.len(), 101);
    assert_eq!(err.0[100].code, "too-many-problems");
    assert!(err.0[100].message.contains("900"), "{}", err.0[100]);
}

#[test]
fn warnings_name_texts_that_look_like_expressions() {
    let compiled =
        body("do: [{a: {set: {x: .customer.name, y: 'Hello ${ .x }!', z: $context, ok: .5, ok2: ./a, ok3: '$5'}}}]").unwrap();
    let codes: Vec<_> = compiled.warnings.iter().map(|w| (w.code, w.pointer.as_str())).collect();
    assert_eq!(
        codes,
        [
            ("literal-expression", "/do/0/a/set/x"),
            ("partial-expression", "/do/0/a/set/y"),
            ("literal-expression", "/do/0/a/set/z"),
        ]
    );
    assert!(HEAD.ends_with('\n'));
}
