//! Documents: read, checked, compiled, and the program's expressions compiled.

use std::{fmt::Write, hint::black_box};

use criterion::Criterion;
use kintsugi_definition::{Expressions, Limits, Settings, compile, program_from_document};

const HEAD: &str =
    "document: {dsl: '1.0.3', namespace: bench, name: work, version: '1.0.0'}\ndo:\n";

pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    let settings = Settings::default();
    for (name, source) in [("1 task", of(1)), ("50 tasks", of(50)), ("2,000 tasks", of(2_000))] {
        let compiled = compile(source.as_bytes(), &settings).unwrap();
        group.bench_function(format!("document of {name}, {} bytes", source.len()), |bencher| {
            bencher.iter(|| compile(black_box(source.as_bytes()), &settings).unwrap());
        });
        group.bench_function(format!("{name} as stored"), |bencher| {
            bencher.iter(|| {
                program_from_document(black_box(&compiled.document), &compiled.resources).unwrap()
            });
        });
        group.bench_function(format!("expressions of {name}"), |bencher| {
            bencher.iter(|| {
                Expressions::new(black_box(&compiled.program), Limits::default()).unwrap()
            });
        });
    }
    group.finish();
}

/// A workflow as people write them: calls with arguments, of which every tenth has a `try` around it.
fn of(tasks: usize) -> String {
    let mut text = HEAD.to_owned();
    for n in 0..tasks {
        let call = format!(
            "{{call: charge, with: {{order: '${{ .order.id }}', step: {n}, note: of the vase}}, \
             output: {{as: '${{ {{order: $input.order, receipt: .id}} }}'}}}}"
        );
        let task = match n % 10 {
            9 => format!(
                "{{try: [{{in{n}: {call}}}], catch: {{errors: {{with: {{status: 503}}}}, \
                 retry: {{delay: {{seconds: 1}}, limit: {{attempt: {{count: 3}}}}}}}}}}"
            ),
            _ => call,
        };
        writeln!(text, "  - step{n}: {task}").unwrap();
    }
    text
}
