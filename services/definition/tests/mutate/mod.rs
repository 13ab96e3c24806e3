//! Mutations of documents, by a seed.

use serde_json::{Map, Value, json};

/// Makes one or a few changes.
pub(crate) struct Mutator {
    state: u64,
    said: Vec<String>,
}

/// Keys that something of the language has somewhere.
const KEYS: &[&str] = &[
    "if",
    "input",
    "output",
    "export",
    "timeout",
    "then",
    "metadata",
    "schema",
    "from",
    "as",
    "with",
    "do",
    "set",
    "call",
    "for",
    "each",
    "in",
    "at",
    "while",
    "fork",
    "branches",
    "compete",
    "try",
    "catch",
    "errors",
    "when",
    "exceptWhen",
    "retry",
    "delay",
    "backoff",
    "limit",
    "jitter",
    "raise",
    "error",
    "type",
    "status",
    "wait",
    "seconds",
    "switch",
    "document",
    "use",
    "emit",
    "listen",
    "run",
    "event",
    "to",
    "one",
    "any",
    "all",
    "until",
    "foreach",
    "endpoint",
    "uri",
    "authentication",
    "workflow",
    "shell",
    "script",
    "container",
    "schedule",
    "evaluate",
    "kintsugi",
];

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, said: Vec::new() }
    }

    /// What was done.
    pub(crate) fn said(&self) -> String {
        self.said.join("; ")
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0) % limit.max(1)
    }

    /// A document with one to three changes.
    pub(crate) fn mutate(&mut self, document: &Value) -> Value {
        let mut changed = document.clone();
        for _ in 0..1 + self.below(3) / 2 {
            self.change(&mut changed);
        }
        changed
    }

    fn change(&mut self, document: &mut Value) {
        let mut paths = Vec::new();
        pointers(document, String::new(), &mut paths);
        let path = paths[self.below(paths.len())].clone();
        let donor = paths[self.below(paths.len())].clone();
        let donor = document.pointer(&donor).cloned().unwrap_or_default();
        let odd = self.odd();
        let (choice, key, at) = (self.below(9), KEYS[self.below(KEYS.len())], self.next());
        let Some(value) = document.pointer_mut(&path) else { return };
        let what = match (choice, value) {
            (0 | 1, Value::Object(map)) if !map.is_empty() => {
                let old = nth_key(map, at);
                map.remove(&old);
                format!("delete {old}")
            }
            (2, Value::Object(map)) => {
                map.insert(key.to_owned(), odd);
                format!("add {key}")
            }
            (3, Value::Object(map)) if !map.is_empty() => {
                let old = nth_key(map, at);
                let moved = map.remove(&old).unwrap_or_default();
                let new = if at % 2 == 0 { format!("{old}x") } else { key.to_owned() };
                map.insert(new.clone(), moved);
                format!("rename {old} to {new}")
            }
            (4, Value::Array(items)) if !items.is_empty() => {
                let index = usize::try_from(at).unwrap_or(0) % items.len();
                if at % 2 == 0 {
                    items.remove(index);
                } else {
                    let again = items[index].clone();
                    items.push(again);
                }
                "an item more or less".to_owned()
            }
            (5 | 6, value) => {
                *value = donor;
                "copy from elsewhere".to_owned()
            }
            (7, Value::Object(map)) if map.len() > 1 => {
                let (one, other) = (nth_key(map, at), nth_key(map, at >> 7));
                let (a, b) = (map[&one].clone(), map[&other].clone());
                map.insert(one, b);
                map.insert(other, a);
                "swap".to_owned()
            }
            (_, value) => {
                let text = odd.to_string();
                *value = odd;
                format!("replace by {text}")
            }
        };
        self.said.push(format!("{path}: {what}"));
    }

    /// A value of any kind.
    fn odd(&mut self) -> Value {
        let all = [
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(1.5),
            json!(404),
            json!(""),
            json!("text"),
            json!("${ .a }"),
            json!("  ${ .a }  "),
            json!(".a"),
            json!("PT1S"),
            json!("P1Y"),
            json!("https://example.com/{id}"),
            json!([]),
            json!({}),
            json!([{"a": {"set": {"x": 1}}}]),
            json!([{"a": {"set": {"x": 1}}, "b": {"set": {"x": 1}}}]),
            json!({"seconds": 5}),
            json!({"after": "PT5S"}),
            json!({"document": {"type": "object"}}),
            json!({"set": {"x": 1}}),
            json!("continue"),
        ];
        all[self.below(all.len())].clone()
    }
}

fn nth_key(map: &Map<String, Value>, at: u64) -> String {
    let index = usize::try_from(at).unwrap_or(0) % map.len();
    map.keys().nth(index).cloned().unwrap_or_default()
}

fn pointers(value: &Value, at: String, out: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (key, value) in inner {
        pointers(value, format!("{at}/{key}"), out);
    }
    out.push(at);
}
