//! Any bytes as a definition: it is compiled, or refused with all its problems, each with a place;
//! and what was stored compiles to the same program later.

#![no_main]

use kintsugi_definition::{Settings, Step, compile_with, program_from_document};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &[u8]| {
    match compile_with(source, &Settings::default(), &Default::default()) {
        Ok(Step::Done(made)) => {
            let again = program_from_document(&made.document, &made.resources);
            let again = again.expect("what was accepted is accepted again");
            assert_eq!(again, made.program);
        }
        Ok(Step::Needs(needs)) => assert!(!needs.is_empty(), "nothing is needed, and not done"),
        Err(problems) => assert!(!problems.to_string().is_empty(), "refused without a reason"),
    }
});
