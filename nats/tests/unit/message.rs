use super::*;

#[test]
fn one_bad_input_does_not_spoil_the_others() {
    let text = br#"[{"run":"a","input":{"kind":"start"}},{"run":"a.>","input":{"kind":"tick"}},
        {"run":"b","input":{"kind":"nonsense"}},7,{"run":"b","input":{"kind":"tick"}}]"#;
    let (inputs, rejected) = decode_inputs(text);
    assert_eq!(inputs.unwrap().len(), 2);
    assert_eq!(rejected.len(), 3);
}

#[test]
fn garbage_is_rejected_whole() {
    let deep = "[".repeat(10_000);
    let lone_surrogate = r#"{"run":"a","input":{"kind":"cancel","reason":"\ud800"}}"#;
    for bad in ["", "[", "null", "\u{0}", "{}", &deep, lone_surrogate] {
        let (inputs, _) = decode_inputs(bad.as_bytes());
        assert!(inputs.is_err(), "{:?}", &bad[..bad.len().min(40)]);
    }
    assert_eq!(decode_inputs(b" []").0.unwrap(), []);
}
