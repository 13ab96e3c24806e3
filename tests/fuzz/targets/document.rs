//! Any bytes as a document: YAML or JSON is read, or refused with a place in it; and what was read
//! says the same when it is written as JSON and read again.

#![no_main]

use kintsugi_document::{Limits, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &[u8]| kintsugi_jq::on_big_stack(|| {
    let limits = Limits::default();
    let Ok((tree, _)) = read(source, &limits) else { return };
    let value = tree.to_value();
    let text = serde_json::to_vec(&value).expect("a document is JSON");
    if text.len() <= limits.bytes_max {
        let (again, _) = read(&text, &limits).expect("what was read once is read again");
        assert_eq!(again.to_value(), value);
    }
}));
