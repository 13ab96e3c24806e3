//! One evaluation, with the limits and guards that it has in production.

use std::hint::black_box;

use criterion::Criterion;
use kintsugi_core::Variables;
use kintsugi_definition::{Jq, Limits};
use serde_json::{Value, json};

/// `$context`, of which there is a copy for each expression that names it.
struct Context(Value);

impl Variables for Context {
    fn get(&self, name: &str) -> Option<Value> {
        (name == "context").then(|| self.0.clone())
    }
}

const EXPRESSIONS: [(&str, &str); 6] = [
    ("path", ".order.customer.name"),
    ("path of a variable", "$context.order.customer.name"),
    ("condition", ".order.total > 100 and .order.customer.country == \"SE\""),
    ("construct", "{id: .order.id, name: .order.customer.name, first: .order.lines[0].price}"),
    ("filter over 100 lines", ".order.lines | map(select(.count > 3) | .price * .count) | add"),
    ("group of 100 lines", ".order.lines | group_by(.count) | map({key: .[0].count, n: length})"),
];

pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("expression");
    let lines: Vec<Value> =
        (0..100).map(|n| json!({"sku": format!("vase-{n}"), "price": n, "count": n % 7})).collect();
    let order = json!({"order": {
        "id": 4711, "total": 250, "customer": {"name": "Ada", "country": "SE"}, "lines": lines,
    }});
    let (jq, context) = (Jq::new(Limits::default()), Context(order.clone()));
    for (name, source) in EXPRESSIONS {
        let expression = jq.compile(source).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| expression.evaluate(black_box(&order), &context).unwrap());
        });
    }
    // Three that are stopped: how long a hostile expression keeps its partition waiting.
    for (name, source) in [
        ("stopped: endless", "[range(1; infinite)] | length"),
        ("stopped: grows", "reduce range(100) as $n (\"x\"; . + .)"),
        ("stopped: deep", "def f: [f]; f"),
    ] {
        let expression = jq.compile(source).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| expression.evaluate(black_box(&Value::Null), &context).unwrap_err());
        });
    }
    group.finish();
}
