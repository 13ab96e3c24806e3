//! Calls of services that describe themselves: what of their documents goes into the program.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::HEAD;
use kintsugi_core::{Call, Effect, Input, Kind, Machine, RunId, RunState, Template, Timestamp};
use kintsugi_definition::{
    Expressions, Limits, Resources, Settings, Step, compile_with, program_from_document,
};
use serde_json::{Value, json};

const PETS: &str = r#"{
    "swagger": "2.0", "host": "petstore.test", "basePath": "/v2", "schemes": ["https"],
    "paths": {"/pet/{petId}": {"get": {"operationId": "getPetById", "parameters": [
        {"name": "petId", "in": "path", "required": true, "type": "integer"}]}}}
}"#;

const QUEUE: &str = "
asyncapi: 3.0.0
servers: {bus: {host: 'nats.test:4222', protocol: nats}, old: {host: 'k.test:9092', protocol: kafka}}
channels: {pets: {address: pets.new, servers: [{$ref: '#/servers/bus'}]}, olds: {address: olds, servers: [{$ref: '#/servers/old'}]}}
operations: {take: {action: receive, channel: {$ref: '#/channels/pets'}}, old: {action: send, channel: {$ref: '#/channels/olds'}}}
";

const SHOP: &str = r#"syntax = "proto3"; package shop.v1; import "shop/v1/item.proto";
    message Ask { string item_id = 1; } service Shop { rpc Find(Ask) returns (Item); }"#;
const ITEM: &str = r#"syntax = "proto3"; package shop.v1; message Item { string name = 1; }"#;

fn resources() -> Resources {
    let mut resources = Resources::default();
    resources.put("https://a.test/swagger.json", PETS);
    resources.put("https://a.test/asyncapi.yaml", QUEUE);
    resources.put("https://a.test/card.json", r#"{"name": "x", "url": "https://agent.test/rpc"}"#);
    resources.put("https://a.test/shop/v1/shop.proto", SHOP);
    resources.put("https://a.test/shop/v1/item.proto", ITEM);
    resources.put("https://a.test/flat/shop.proto", SHOP);
    resources.put("https://a.test/flat/bad.proto", "syntax = 'proto3'; message {");
    resources.put("https://a.test/x.py", "print('${ .x }')");
    resources.put("https://a.test/long.py", "#".repeat(300_000));
    resources
        .put("https://a.test/grpc.json", r#"{"url": "https://x", "preferredTransport": "GRPC"}"#);
    resources
}

fn step(with: &str) -> Result<Step, String> {
    let source = format!("{HEAD}do: [{{a: {with}}}]\nuse: {{secrets: [key]}}");
    compile_with(source.as_bytes(), &Settings::default(), &resources()).map_err(|p| p.to_string())
}

fn call(with: &str) -> Call {
    let Step::Done(compiled) = step(with).unwrap() else { panic!("{with} needs something") };
    let again = program_from_document(&compiled.document, &compiled.resources).unwrap();
    assert_eq!(again, compiled.program, "what was stored gives the same program");
    match compiled.program.nodes.into_iter().next().unwrap().kind {
        Kind::Call(call) => *call,
        other => panic!("{other:?}"),
    }
}

fn part(call: &Call, key: &str) -> Value {
    let found = match &call.with {
        Template::Literal(value) => return value[key].clone(),
        Template::Object(parts) => parts.iter().find(|(name, _)| name == key),
        other => panic!("{other:?}"),
    };
    match found {
        Some((_, Template::Literal(value))) => value.clone(),
        other => panic!("{other:?}"),
    }
}

fn refused(with: &str, said: &str) {
    let problems = step(with).expect_err(with);
    assert!(problems.contains(said), "{with}: {problems}");
}

#[test]
fn an_operation_becomes_what_a_request_needs() {
    let open = |more: &str| {
        format!(
            "{{call: openapi, with: {{document: {{endpoint: 'https://a.test/swagger.json'}}, {more}}}}}"
        )
    };
    let pet =
        call(&open("operationId: getPetById, parameters: {petId: '${ .id }'}, output: response"));
    assert_eq!(pet.task_type, "openapi");
    let operation = part(&pet, "operation");
    assert_eq!(operation["url"], "https://petstore.test/v2/pet/{petId}");
    assert_eq!(operation["method"], "get");
    let Template::Object(parts) = &pet.with else { panic!() };
    assert!(parts.iter().all(|(name, _)| name != "document"), "the document stays behind");
    let secret = call(&open("operationId: getPetById, parameters: {petId: '${ $secrets.key }'}"));
    assert_eq!(secret.deferred[0].at, "/parameters/petId");
    refused(&open("operationId: nothing"), "no operation `nothing`; it has getPetById");
    refused(&open("operationId: getPetById"), "needs the parameter `petId`");
    refused(&open("operationId: getPetById, parameters: {petId: 1, x: 1}"), "no parameter `x`");
    refused(&open("operationId: '${ .x }'"), "unsupported");
    let elsewhere = open("operationId: x").replace("a.test", "b.test");
    assert!(
        matches!(step(&elsewhere), Ok(Step::Needs(needs)) if needs[0].uri == "https://b.test/swagger.json")
    );
}

#[test]
fn a_channel_becomes_where_messages_go() {
    let with = |more: &str| {
        format!(
            "{{call: asyncapi, with: {{document: {{endpoint: 'https://a.test/asyncapi.yaml'}}, {more}}}}}"
        )
    };
    let send = call(&with("channel: pets, message: {payload: {id: '${ .id }'}}"));
    let expected =
        json!({"protocol": "nats", "server": "nats://nats.test:4222", "address": "pets.new"});
    assert_eq!(part(&send, "channel"), expected);
    let take = call(&with(
        "operation: take, protocol: nats, subscription: {filter: '${ .payload.id == $context.id }', \
         consume: {until: '${ length == $context.most }', for: PT30M}}",
    ));
    assert_eq!(part(&take, "subscription"), json!({"for_ms": 1_800_000}));
    let places: Vec<_> = take.deferred.iter().map(|one| one.at.as_str()).collect();
    assert_eq!(places, ["/subscription/filter", "/subscription/until"]);
    assert!(take.deferred.iter().all(|one| !one.input && one.variables == ["context"]));
    assert!(take.policy.start_to_close_ms > 1_800_000, "it may take as long as it listens");
    let own = call(&format!(
        "{{metadata: {{kintsugi: {{start_to_close: 5s}}}}, {}",
        &with("operation: take, subscription: {consume: {amount: 1}}")[1..]
    ));
    assert_eq!(own.policy.start_to_close_ms, 5_000);
    refused(
        &with("operation: old, message: {payload: {}}"),
        "the protocol `kafka` is not supported",
    );
    refused(&with("operation: none, message: {payload: {}}"), "no operation `none`");
    refused(
        &with("operation: take, channel: pets, message: {payload: {}}"),
        "either an `operation`",
    );
    refused(
        &with("operation: take, subscription: {consume: {}}"),
        "one of amount, while and until",
    );
}

#[test]
fn something_is_done_with_each_message() {
    let with = |foreach: &str| {
        format!(
            "{{timeout: {{after: PT1H}}, call: asyncapi, with: {{document: {{endpoint: 'https://a.test/asyncapi.yaml'}}, operation: take, \
             subscription: {{consume: {{amount: 3}}, foreach: {foreach}}}}}}}"
        )
    };
    let messages = json!([{"n": 1}, {"n": 2}, null]);
    for (foreach, expected) in [
        ("{}", messages.clone()),
        (
            "{item: m, at: i, do: [{x: {set: {n: '${ $m.n }', i: '${ $i }', id: '${ .id }'}}}]}",
            json!([
                {"n": 1, "i": 0, "id": 7}, {"n": 2, "i": 1, "id": 7}, {"n": null, "i": 2, "id": 7},
            ]),
        ),
        (
            "{do: [{x: {wait: PT1S}}], output: {as: '[$item, $index]'}, export: {as: '{last: $item}'}}",
            json!([[{"n": 1}, 0], [{"n": 2}, 1], [null, 2]]),
        ),
        // An error of one is the task's.
        (
            "{do: [{x: {set: '${ $item.n + {} }'}}]}",
            json!("/do/0/a/with/subscription/foreach/do/0/x"),
        ),
    ] {
        let Step::Done(compiled) = step(&with(foreach)).unwrap() else { panic!("{foreach}") };
        let expressions = Expressions::new(&compiled.program, Limits::default()).unwrap();
        let (id, mut now) = (RunId::parse("r").unwrap(), Timestamp(0));
        let mut state = RunState::new(json!({"id": 7}), now);
        let mut next = Input::Start;
        for _ in 0..20 {
            let outcome =
                Machine::advance(&id, &compiled.program, &expressions, &mut state, &next, now);
            // It is stored and read again between any two inputs.
            state = serde_json::from_value(serde_json::to_value(&state).unwrap()).unwrap();
            let sent = outcome.effects.iter().find_map(|effect| match effect {
                Effect::Dispatch { task, epoch, pointer, .. } => {
                    Some((*task, *epoch, pointer.clone()))
                }
                _ => None,
            });
            now = state.wake_at().unwrap_or(now).max(now);
            next = match sent {
                Some((task, epoch, pointer)) => {
                    assert_eq!(pointer, "/do/0/a");
                    let worker = "w".to_owned();
                    Input::Completed {
                        task,
                        epoch,
                        output: messages.clone(),
                        worker,
                        started_at: None,
                    }
                }
                None => Input::Tick,
            };
        }
        let found =
            state.output.clone().or(state.error.and_then(|error| error.instance).map(Value::from));
        assert_eq!(found, Some(expected), "{foreach}");
        if foreach.contains("export") {
            assert_eq!(state.context, json!({"last": null}));
        }
    }
    refused(&with("{item: x, at: x}"), "`item` and `at` are both `x`");
    refused(&with("{dooo: []}"), "has no key `dooo`");
}

#[test]
fn a_method_becomes_its_messages_and_a_place() {
    let with = |file: &str, more: &str| {
        format!(
            "{{call: grpc, with: {{proto: {{endpoint: 'https://a.test/{file}.proto'}}, method: Find, {more}}}}}"
        )
    };
    let file = "shop/v1/shop";
    let at = "service: {name: shop.v1.Shop, host: shop.test";
    let find = call(&with(
        file,
        &format!(
            "{at}, authentication: {{bearer: {{use: key}}}}}}, arguments: {{itemId: '${{ .id }}'}}"
        ),
    ));
    assert_eq!(find.task_type, "grpc");
    assert_eq!((part(&find, "port"), part(&find, "tls")), (json!(443), json!(true)));
    assert_eq!(part(&find, "authentication"), json!({"bearer": {"secret": "key"}}));
    assert!(part(&find, "descriptors").as_str().is_some_and(|text| !text.is_empty()));
    let clear = call(&with(file, &format!("{at}, port: 5011}}")));
    assert_eq!(part(&clear, "tls"), json!(false));
    let own = format!(
        "{{metadata: {{kintsugi: {{tls: true}}}}, {}",
        &with(file, &format!("{at}, port: 5011}}"))[1..]
    );
    assert_eq!(part(&call(&own), "tls"), json!(true));
    refused(&with(file, &format!("{at}}}, arguments: {{id: 1}}")), "takes no `id`");
    refused(&with(file, "service: {name: Shop, host: shop.test}"), "it has shop.v1.Shop");
    refused(&with(file, &format!("{at}:443}}")), "`host` is a name");
    refused(&with("flat/bad", &format!("{at}}}")), "not a proto file");
    // Beside its package's folders, what it imports is looked for below its own folder.
    let flat = step(&with("flat/shop", &format!("{at}}}")));
    assert!(
        matches!(flat, Ok(Step::Needs(needs)) if needs[0].uri == "https://a.test/flat/shop/v1/item.proto")
    );
    let elsewhere = "{metadata: {kintsugi: {tls: true}}, call: http, with: {method: get, endpoint: 'https://x.test'}}";
    refused(elsewhere, "has no key `tls`");
}

#[test]
fn an_agent_is_called_where_its_card_says() {
    let card = |name: &str| {
        format!(
            "{{call: a2a, with: {{method: message/send, agentCard: {{endpoint: 'https://a.test/{name}.json'}}, parameters: {{message: {{}}}}}}}}"
        )
    };
    assert_eq!(part(&call(&card("card")), "server"), json!("https://agent.test/rpc"));
    refused(&card("grpc"), "does not speak JSON-RPC");
    let own = "{call: a2a, with: {method: tasks/get, server: {uri: 'https://x.test', authentication: {bearer: {use: key}}}}}";
    assert_eq!(part(&call(own), "authentication"), json!({"bearer": {"secret": "key"}}));
    refused("{call: a2a, with: {method: tasks/get}}", "either a `server` or an `agentCard`");
    refused(
        "{call: a2a, with: {method: tasks/eat, server: 'https://x.test'}}",
        "`method` is one of",
    );
}

#[test]
fn a_server_of_tools_is_called_over_http_or_started() {
    let with = |more: &str| format!("{{call: mcp, with: {{{more}}}}}");
    let http = call(&with(
        "method: tools/call, parameters: {name: add, arguments: '${ .x }'}, timeout: PT5S, \
         protocolVersion: '2025-03-26', client: {name: shop, version: 1.0.0}, transport: {http: \
         {endpoint: {uri: 'https://m.test/mcp', authentication: {bearer: {use: key}}}, headers: {x: '${ $secrets.key }'}}}",
    ));
    assert_eq!(http.task_type, "mcp");
    assert_eq!(part(&http, "endpoint"), json!("https://m.test/mcp"));
    assert_eq!(part(&http, "timeout_ms"), json!(5_000));
    assert_eq!(part(&http, "protocol_version"), json!("2025-03-26"));
    assert_eq!(part(&http, "authentication"), json!({"bearer": {"secret": "key"}}));
    assert_eq!(http.deferred[0].at, "/headers/x");
    let stdio = with("method: tools/list, transport: {stdio: {command: npx, arguments: [x]}}");
    refused(&stdio, "`call: mcp` with `stdio` is not allowed on this deployment");
    refused(&stdio, "processes.allow = [\"mcp_stdio\"]");
    refused(
        &with("method: tools/eat, transport: {http: {endpoint: 'https://m.test'}}"),
        "is one of",
    );
    refused(&with("method: tools/list"), "needs `transport`");
    let http = |more: &str| {
        with(&format!(
            "method: tools/list, transport: {{http: {{endpoint: 'https://m.test'}}{more}"
        ))
    };
    refused(&http(", options: {a: b}}"), "unsupported");
    refused(&http(", stdio: {command: x}}"), "either `http` or `stdio`");
    refused(&http("}, protocolVersion: '1999-01-01'"), "it is one of 2024-11-05");
}

#[test]
fn a_script_elsewhere_is_taken_as_it_is() {
    let allowed = |file: &str| {
        let source = format!(
            "{HEAD}do: [{{a: {{run: {{script: {{language: python, source: {{endpoint: 'https://a.test/{file}'}}}}}}}}}}]"
        );
        let mut settings = Settings::default();
        settings.limits.abilities.insert(kintsugi_core::Ability::Script);
        compile_with(source.as_bytes(), &settings, &resources()).map_err(|p| p.to_string())
    };
    let Ok(Step::Done(compiled)) = allowed("x.py") else { panic!("it is there") };
    let Kind::Call(call) = &compiled.program.nodes[0].kind else { panic!("it is a call") };
    assert_eq!(part(call, "process")["code"], "print('${ .x }')");
    assert!(compiled.resources.get("https://a.test/x.py").is_some(), "it is pinned");
    assert!(matches!(allowed("y.py"), Ok(Step::Needs(_))));
    assert!(allowed("long.py").is_err_and(|why| why.contains("at most 262144")));
}
