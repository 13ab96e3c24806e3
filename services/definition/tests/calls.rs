//! Calls that the engine carries out itself: authentication, and what is left to the worker.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::body;
use kintsugi_core::{Call, Kind, Template};
use serde_json::json;

fn call(text: &str) -> Call {
    let compiled = body(text).unwrap_or_else(|problems| panic!("{text}\n{problems}"));
    let kind = compiled.program.nodes.into_iter().next().unwrap().kind;
    match kind {
        Kind::Call(call) => *call,
        other => panic!("{other:?}"),
    }
}

fn part(call: &Call, key: &str) -> Template {
    match &call.with {
        Template::Literal(value) => Template::Literal(value[key].clone()),
        Template::Object(parts) => {
            parts.iter().find(|(name, _)| name == key).map(|(_, part)| part.clone()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn refused(text: &str) -> String {
    let problems = body(text).expect_err(text);
    let first = &problems.0[0];
    format!("{} {}:{}", first.code, first.line, first.column)
}

const USE: &str = "use: {secrets: [key, other], authentications: {mine: {basic: {use: key}}}}\n";

#[test]
fn a_secret_is_left_to_the_worker_with_what_it_needs() {
    let text = format!(
        "{USE}do: [{{a: {{call: http, with: {{method: get, endpoint: 'http://x', \
         headers: {{A/b: '${{ \"Bearer \" + $secrets.key + .n + $context.c }}', C: '${{ .c }}'}}, \
         query: {{q: '${{ $secrets.other.part }}'}}}}}}}}]"
    );
    let call = call(&text);
    let [first, second] = &call.deferred[..] else { panic!("{:?}", call.deferred) };
    assert_eq!(first.at, "/headers/A~1b");
    assert_eq!(first.expression, "\"Bearer \" + $secrets.key + .n + $context.c");
    assert_eq!(
        (&first.variables[..], &first.secrets[..]),
        (&["context".into()][..], &["key".into()][..])
    );
    assert!(first.input);
    assert_eq!(
        (second.at.as_str(), second.input),
        ("/query/q", false),
        "a plain path has no input"
    );
    assert_eq!(second.secrets, ["other"]);
    let Template::Object(headers) = part(&call, "headers") else { panic!() };
    assert_eq!(headers[0].1, Template::Literal(json!(null)));
    assert!(matches!(headers[1].1, Template::Expr(_)), "the rest stays with the engine");
}

#[test]
fn an_unclear_use_of_secrets_reads_all_that_are_declared() {
    let text = format!(
        "{USE}do: [{{a: {{call: http, with: {{method: get, endpoint: '${{ $secrets[.name] }}'}}}}}}]"
    );
    let deferred = call(&text).deferred.remove(0);
    assert_eq!(
        (deferred.at.as_str(), deferred.secrets),
        ("/endpoint", vec!["key".into(), "other".into()])
    );
}

#[test]
fn policies_are_resolved_and_their_secrets_named() {
    let endpoint = |policy: &str| {
        format!(
            "{USE}do: [{{a: {{call: http, with: {{method: get, endpoint: {{uri: 'http://x', \
             authentication: {policy}}}}}}}}}]"
        )
    };
    let mine = call(&endpoint("{use: mine}"));
    assert_eq!(
        part(&mine, "authentication"),
        Template::Literal(json!({"basic": {"secret": "key"}}))
    );
    let inline = call(&endpoint("{bearer: {token: '${ $secrets.other }'}}"));
    assert_eq!(inline.deferred[0].at, "/authentication/bearer/token");
    let oauth = call(&endpoint(
        "{oauth2: {authority: 'http://a/{realm}', grant: client_credentials, \
         client: {id: i, secret: '${ $secrets.key }'}, scopes: ['${ .s }']}}",
    ));
    assert_eq!(oauth.deferred[0].at, "/authentication/oauth2/client/secret");
    let named = "use: {authentications: {m: {bearer: {token: '${ $secrets.k }'}}}, secrets: [k]}\n\
                 do: [{a: {call: http, with: {method: get, endpoint: {uri: 'http://x', authentication: {use: m}}}}}]";
    assert_eq!(call(named).deferred[0].at, "/authentication/bearer/token");
}

#[test]
fn a_secret_anywhere_else_is_refused() {
    for text in [
        "do: [{a: {set: {x: '${ $secrets.key }'}}}]",
        "do: [{a: {if: '$secrets.key', set: {x: 1}}}]",
        "do: [{a: {call: charge, with: {x: '${ $secrets.key }'}}}]",
        "do: [{a: {call: http, with: {method: get, endpoint: 'http://x'}, output: {as: '$secrets.key'}}}]",
        "do: [{a: {call: http, with: {method: get, endpoint: 'http://x'}, output: {as: '$authorization.parameter'}}}]",
        "do: [{a: {wait: '${ $secrets.key }'}}]",
    ] {
        assert!(refused(&format!("{USE}{text}")).starts_with("secret-here 3:"), "{text}");
    }
}

#[test]
fn bad_authentication_is_refused_where_it_stands() {
    let cases = [
        ("{use: nobody}", "unknown-reference"),
        ("{basic: {use: nobody}}", "unknown-reference"),
        ("{bearer: {token: '${ $secrets.nobody }'}}", "unknown-reference"),
        ("{basic: {username: u}}", "missing-key"),
        ("{basic: {username: u, password: p, realm: r}}", "unknown-key"),
        ("{basic: {use: key}, bearer: {use: key}}", "type"),
        ("{magic: {}}", "unknown-key"),
        ("{oauth2: {authority: 'http://a', grant: authorization_code}}", "unsupported"),
        ("{oauth2: {authority: 'http://a', grant: client_credentials}}", "missing-key"),
        ("{oauth2: {authority: 'http://a', grant: nonsense}}", "invalid-value"),
        (
            "{oidc: {authority: 'http://a', grant: password, username: u, password: p, endpoints: {}}}",
            "unknown-key",
        ),
        (
            "{oauth2: {authority: 'http://a', grant: client_credentials, \
             client: {id: i, authentication: private_key_jwt}}}",
            "missing-key",
        ),
    ];
    for (policy, code) in cases {
        let text = format!(
            "{USE}do: [{{a: {{call: http, with: {{method: get, endpoint: {{uri: 'http://x', \
             authentication: {policy}}}}}}}}}]"
        );
        let found = refused(&text);
        assert!(found.starts_with(&format!("{code} ")), "{policy}: {found}");
    }
    assert_eq!(refused("use: {secrets: [a/b]}\ndo: []"), "invalid-name 2:17");
    assert_eq!(refused("use: {secrets: [a, a]}\ndo: []"), "duplicate-name 2:20");
    assert_eq!(refused("use: {authentications: {m: {basic: 5}}}\ndo: []"), "type 2:36");
}

#[test]
fn a_secret_that_stands_in_the_document_is_warned_of() {
    let text = "do: [{a: {call: http, with: {method: get, endpoint: {uri: 'http://x', \
                authentication: {basic: {username: u, password: hunter2}}}}}}]";
    let warnings = body(text).unwrap().warnings;
    assert_eq!(warnings[0].code, "secret-in-document");
    assert!(!warnings[0].to_string().contains("hunter2"));
}

fn run(text: &str) -> Result<Call, String> {
    let source = format!("{}{text}", common::HEAD);
    let compiled = kintsugi_definition::compile(source.as_bytes(), &common::everything_allowed());
    match compiled.map_err(|problems| problems.to_string())?.program.nodes.remove(0).kind {
        Kind::Call(call) => Ok(*call),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn processes_are_tasks_of_the_engines_own_types() {
    let shell =
        run("do: [{a: {run: {shell: {command: 'echo ${HOME} $1', arguments: [x, '${ .y }'], \
                     environment: {K: '${ $secrets.s }'}}, return: all}}}]\nuse: {secrets: [s]}");
    let shell = shell.unwrap();
    assert_eq!(shell.task_type, "run-shell");
    assert_eq!(part(&shell, "return"), Template::Literal(json!("all")));
    assert_eq!(shell.deferred[0].at, "/process/environment/K");
    let script =
        run("do: [{a: {run: {script: {language: js, code: 'x'}, await: false}}}]").unwrap();
    assert_eq!(
        script.with,
        Template::Literal(
            json!({"await": false, "process": {"code": "x", "language": "javascript"}})
        )
    );
    let container = run("do: [{a: {run: {container: {image: alpine, pullPolicy: always, \
                         lifetime: {cleanup: eventually, after: {minutes: 1}}}}}}]");
    let expected = json!({"process": {
        "image": "alpine", "pull": "always", "cleanup": "eventually", "cleanup_after_ms": 60_000}});
    assert_eq!(container.unwrap().with, Template::Literal(expected));
    for (text, code) in [
        ("shell: {command: x}, return: code, await: false", "no-effect"),
        ("shell: {command: x}, script: {language: js, code: x}", "ambiguous-task"),
        ("script: {language: ruby, code: x}", "unsupported"),
        ("script: {language: js}", "missing-key"),
        ("shell: {command: x, environment: {'a b': x}}", "invalid-name"),
        ("container: {image: x, lifetime: {cleanup: eventually}}", "missing-key"),
        ("container: {image: x, lifetime: {cleanup: always, after: PT1S}}", "no-effect"),
    ] {
        let said = run(&format!("do: [{{a: {{run: {{{text}}}}}}}]")).unwrap_err();
        assert!(said.contains(&format!("[{code}]")), "{text}: {said}");
    }
}

#[test]
fn what_the_deployment_does_not_allow_is_refused_with_the_setting() {
    for (text, name) in [
        ("shell: {command: x}", "shell"),
        ("script: {language: js, code: x}", "script"),
        ("container: {image: x}", "container"),
    ] {
        let problems = body(&format!("do: [{{a: {{run: {{{text}}}}}}}]")).unwrap_err();
        assert_eq!(problems.0[0].code, "not-allowed");
        let hint = problems.0[0].hint.as_deref().unwrap_or_default();
        assert!(hint.contains(&format!("processes.allow = [\"{name}\"]")), "{hint}");
    }
}
