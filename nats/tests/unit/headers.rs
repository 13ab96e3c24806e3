use super::*;

#[test]
fn odd_headers_do_no_harm() {
    let mut headers = Headers::default();
    headers.insert("a b: c", "x");
    headers.insert("Name", "one\r\ntwo");
    let back = Headers::from_broker(Some(&headers.into_broker()));
    assert_eq!(back.get("name"), Some("one  two"));
}
