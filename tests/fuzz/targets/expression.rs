//! Any text as an expression, any JSON as what it is given: it ends within its limits, and an answer
//! comes out. A line feed parts the two. What takes a minute, libFuzzer reports: a shorter limit would
//! find machines that have other work to do.

#![no_main]

use kintsugi_jq::{Limits, Toolbox};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

std::thread_local! {
    static TOOLBOX: Toolbox = Toolbox::default();
}

fuzz_target!(
    // A panic within the evaluator is caught and becomes an error: only one that gets out counts.
    init: std::panic::set_hook(Box::new(|info| eprintln!("{info}"))),
    |source: &[u8]| {
        let Ok(source) = std::str::from_utf8(source) else { return };
        let (code, input) = source.split_once('\n').unwrap_or((source, "null"));
        let input: Value = serde_json::from_str(input).unwrap_or_else(|_| json!({ "text": input }));
        TOOLBOX.with(|toolbox| {
            kintsugi_jq::on_big_stack(|| {
                let Ok(filter) = toolbox.compile(code) else { return };
                let variables: Vec<Value> = filter.variables().iter().map(|_| input.clone()).collect();
                let _ = filter.run(&input, &variables, &Limits::default());
            });
        });
    }
);
