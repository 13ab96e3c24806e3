//! The official schema and our own checks agree: on every example, and on thousands of mutations
//! of them. Where they do not, the difference is in a list here, and in the profile.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "tests say what they found")]

mod common;
mod mutate;

use std::collections::BTreeMap;

use common::{everything_allowed, official};
use jsonschema::Validator;
use kintsugi_definition::{Limits, Problem, Settings, Step, compile_with, read};
use mutate::Mutator;
use serde_json::{Value, json};

/// Mutations of each document.
const MUTATIONS: usize = 100;

/// Where we are stricter than the schema, by the code of the problem: what a schema cannot say, or
/// says too little about.
const STRICTER: &[(&str, &str)] = &[
    ("invalid-expression", "an expression must be jq; the schema takes any text"),
    ("unknown-variable", "an expression may only name what is there"),
    ("unknown-target", "`then` names a task of the same list"),
    ("unknown-reference", "what is named in `use` must be there"),
    ("duplicate-name", "two tasks of a list have two names"),
    ("duplicate-default", "one case of a switch may be the default"),
    ("empty-list", "a fork has a branch"),
    ("invalid-name", "names and namespaces are in lower case; task types are [a-z0-9_-]"),
    ("invalid-variable", "a variable has a name that jq can say, and no meaning of its own yet"),
    ("invalid-schema", "a JSON Schema must be one"),
    ("invalid-version", "a version has at most 64 characters"),
    ("recursive-function", "a function does not call itself"),
    ("invalid-uri", "a URI template is of RFC 6570 level 1, and a resource's URI absolute"),
    ("no-effect", "what does nothing is not accepted"),
    ("missing-resource", "a resource must be there"),
    ("invalid-regex", "a filter's regular expression must be one"),
    ("contradiction", "correlations of one name in a listen expect one value"),
    ("ambiguous-schema", "a schema is in `document` or in `resource`"),
    ("invalid-resource", "a document that is referred to must be one"),
    ("invalid-parameters", "an operation takes the parameters that it has"),
    ("ambiguous-schedule", "a schedule says one thing about when"),
    ("invalid-cron", "a cron expression must be one"),
    ("secret-here", "a secret stands where it can be kept from the engine"),
];

/// Where we are stricter than the schema about single keys: code, part of the message, why.
const STRICTER_KEYS: &[(&str, &str, &str)] = &[
    ("unknown-key", "a workflow has no key", "the schema takes any key at the top"),
    ("unknown-key", "`errors` has no key", "the schema takes any key there"),
    ("unknown-key", "`errors.with` has no key", "the schema takes any key there"),
    ("unknown-key", "`constant` has no key", "a back-off has no such parameter"),
    ("unknown-key", "`linear` has no key", "a back-off has no such parameter"),
    ("unknown-key", "`exponential` has no key", "a back-off has no such parameter"),
    ("unknown-key", "`endpoints` has no key", "the schema takes any key there"),
    ("unknown-key", "`request` has no key", "the schema takes any key there"),
    ("unknown-key", "an authentication policy has no key", "the schema takes any key there"),
    ("type", "an authentication policy has one scheme", "the schema takes any key there"),
    ("missing-key", "the grant `", "a grant is asked for with what it needs"),
    ("missing-key", "`client` needs", "a client says who it is"),
    ("missing-key", "`event` needs `with`", "an event to emit has a type"),
    ("unknown-key", "`event` has no key", "the schema takes any key there"),
    ("unknown-key", "an event has no attribute", "CloudEvents names attributes in `a-z 0-9`"),
    ("type", "must be a text, a number, a boolean or an expression", "attributes are scalars"),
    ("invalid-value", "of an event", "CloudEvents says what an attribute may be"),
    ("type", "`expect` in `schedule.on`", "there is no run yet whose data it could be made from"),
    ("type", "`set` as a string must be one expression", "any other text would be the data"),
    ("type", "is compared as it is, not evaluated", "`errors.with` is static"),
    ("out-of-range", "", "durations, counts and status are not negative, and bounded"),
    ("out-of-range", "`factor`", "a back-off must not shrink"),
    ("invalid-duration", "", "years and months have no length; more than 100 years is a slip"),
    ("invalid-value", "is not an HTTP method", "a method is a token"),
    ("type", "`parameters` must be an object or an expression", "another text is never parameters"),
];

/// Where we are looser than the schema: what is taken for it in the schema's eyes, and why.
type Stand = fn(&mut Value);
const LOOSER: &[(Stand, &str)] = &[
    (
        |value| {
            let error = value.get_mut("status").filter(|status| status.is_string());
            if let Some(status) = error {
                *status = json!(400);
            }
        },
        "the status of a raised error may be an expression, so that an error can be raised again",
    ),
    (
        |value| {
            let Some(run) = value.get_mut("workflow").and_then(Value::as_object_mut) else {
                return;
            };
            run.entry("version").or_insert_with(|| json!("latest"));
        },
        "the schema requires the version of a workflow to run, and has a default for it",
    ),
    (
        |value| {
            let input = value.get_mut("workflow").and_then(|run| run.get_mut("input"));
            if let Some(input) = input.filter(|input| input.is_string()) {
                *input = json!({});
            }
        },
        "the input of a workflow to run may be an expression: any data can be one",
    ),
];

struct Parity {
    schema: Validator,
    settings: Settings,
    agreed: usize,
    not_comparable: usize,
    stricter: BTreeMap<String, usize>,
    looser: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Parity {
    fn new(schema: &Value) -> Self {
        Self {
            schema: jsonschema::validator_for(schema).unwrap(),
            settings: everything_allowed(),
            agreed: 0,
            not_comparable: 0,
            stricter: BTreeMap::new(),
            looser: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    fn compare(&mut self, name: &str, document: &Value) {
        let source = document.to_string();
        let ours: Vec<Problem> =
            match compile_with(source.as_bytes(), &self.settings, &Default::default()) {
                Ok(Step::Done(_) | Step::Needs(_)) => Vec::new(),
                Err(problems) => problems.0,
            };
        let (unsupported, ours): (Vec<_>, Vec<_>) =
            ours.into_iter().partition(|problem| problem.code == "unsupported");
        let theirs: Vec<_> = self
            .schema
            .iter_errors(document)
            .map(|error| (error.instance_path().to_string(), error.to_string()))
            .collect();
        let excused = |path: &str| {
            unsupported.iter().any(|p| p.pointer.starts_with(path) || path.starts_with(&p.pointer))
        };
        match (theirs.is_empty(), ours.is_empty()) {
            (true, true) | (false, false) => self.agreed += 1,
            (true, false) => {
                for problem in &ours {
                    match stricter(problem) {
                        Some(why) => *self.stricter.entry(why.to_owned()).or_default() += 1,
                        None => self.wrong.push(format!(
                            "{name}: we refuse what the schema takes: {} {problem}\n    {source:.400}",
                            problem.pointer
                        )),
                    }
                }
            }
            (false, true) if theirs.iter().all(|(path, _)| excused(path)) => {
                self.not_comparable += 1;
            }
            (false, true) => {
                let (path, said) = &theirs[0];
                let excuse = LOOSER.iter().find(|(stand, _)| {
                    let mut without = document.clone();
                    everywhere(&mut without, *stand);
                    self.schema.is_valid(&without)
                });
                match excuse {
                    Some((_, why)) => *self.looser.entry((*why).to_owned()).or_default() += 1,
                    None => self.wrong.push(format!(
                        "{name}: we take what the schema refuses: {path} {:.200}\n    {source:.400}",
                        said
                    )),
                }
            }
        }
    }
}

fn everywhere(value: &mut Value, stand: Stand) {
    stand(value);
    match value {
        Value::Object(map) => map.values_mut().for_each(|value| everywhere(value, stand)),
        Value::Array(items) => items.iter_mut().for_each(|value| everywhere(value, stand)),
        _ => {}
    }
}

fn stricter(problem: &Problem) -> Option<&'static str> {
    if problem.pointer.contains("/metadata/kintsugi") {
        return Some("our own settings in `metadata.kintsugi` have a form; the schema takes any");
    }
    let by_code = STRICTER.iter().find(|(code, _)| *code == problem.code).map(|(_, why)| *why);
    by_code.or_else(|| {
        let of = |(code, part, why): &(&str, &str, &'static str)| {
            (*code == problem.code && problem.message.contains(part)).then_some(*why)
        };
        STRICTER_KEYS.iter().find_map(of)
    })
}

#[test]
fn the_schema_and_our_checks_agree() {
    let Some(folder) = official::folder() else { return };
    let mut limits = Limits::default();
    limits.document.nodes_max = 100_000;
    let schema = std::fs::read_to_string(folder.join("workflow.yaml")).unwrap();
    let mut parity = Parity::new(&read(&schema, &limits).unwrap());
    let own = ("full.yaml".to_owned(), include_str!("full.yaml").to_owned());
    let documents = official::examples(&folder).into_iter().chain(official::scenarios(&folder));
    let mut number = 0;
    for (name, text) in documents.chain([own]) {
        let document = read(&text, &limits).unwrap();
        assert!(parity.schema.is_valid(&document), "{name} is an official example");
        parity.compare(&name, &document);
        for _ in 0..MUTATIONS {
            number += 1;
            let mut mutator = Mutator::new(number);
            let mutated = mutator.mutate(&document);
            parity.compare(&format!("{name} #{number} ({})", mutator.said()), &mutated);
        }
    }
    println!(
        "{} mutations: {} agreed, {} not comparable (not supported yet)",
        number, parity.agreed, parity.not_comparable
    );
    for (why, count) in parity.stricter.iter().chain(&parity.looser) {
        println!("{count:6} {why}");
    }
    let shown: Vec<_> = parity.wrong.iter().take(25).map(String::as_str).collect();
    assert!(shown.is_empty(), "{} differ:\n{}", parity.wrong.len(), shown.join("\n"));
}
