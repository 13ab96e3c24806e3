//! Calls of services that describe themselves: what of their documents goes into the program.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::HEAD;
use kintsugi_core::{Call, Kind, Template};
use kintsugi_definition::{Resources, Settings, Step, compile_with, program_from_document};
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

fn resources() -> Resources {
    let mut resources = Resources::default();
    resources.put("https://a.test/swagger.json", PETS);
    resources.put("https://a.test/asyncapi.yaml", QUEUE);
    resources.put("https://a.test/card.json", r#"{"name": "x", "url": "https://agent.test/rpc"}"#);
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
    let each = "operation: take, subscription: {consume: {amount: 1}, foreach: {do: []}}";
    refused(&with(each), "`foreach` is not supported yet");
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
