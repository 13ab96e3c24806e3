use kintsugi_core::{Input, RunId};
use serde_json::Value;

use super::*;

fn input(bytes: usize) -> RunInput {
    let input = Input::Completed {
        task: 1,
        epoch: 1,
        output: Value::String("x".repeat(bytes)),
        worker: "w".to_owned(),
        started_at: None,
    };
    RunInput { run: RunId::parse("r").unwrap(), input }
}

#[test]
fn messages_stay_within_their_limits() {
    let many: Vec<RunInput> = (0..600).map(|_| input(1)).collect();
    let counts: Vec<usize> = pack(&many)
        .unwrap()
        .iter()
        .map(|packed| serde_json::from_slice::<Vec<RunInput>>(packed).unwrap().len())
        .collect();
    assert_eq!(counts, [256, 256, 88]);
    let large: Vec<RunInput> = (0..4).map(|_| input(200 * 1024)).collect();
    assert_eq!(pack(&large).unwrap().len(), 2);
    assert_eq!(pack(&[input(BYTES_MAX), input(1)]).unwrap().len(), 2);
    assert!(pack(&[]).unwrap().is_empty());
}
