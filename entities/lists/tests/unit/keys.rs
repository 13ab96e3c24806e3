use super::*;

fn of(namespace: Option<&str>, definition: Option<&str>) -> RunFilter {
    let text = |text: Option<&str>| text.map(str::to_owned);
    RunFilter { namespace: text(namespace), definition: text(definition), ..RunFilter::default() }
}

#[test]
fn namespace_and_definition_are_one_range() {
    let range = |text: &str| Key::Definitions(text.to_owned());
    let cases = [
        (of(None, None), Key::All),
        (of(Some("shop"), None), range("shop/")),
        (of(None, Some("shop/order:")), range("shop/order:")),
        (of(None, Some("shop/order:1.0.0")), Key::Definition("shop/order:1.0.0".to_owned())),
        (of(Some("shop"), Some("shop/order:")), range("shop/order:")),
        (of(Some("shop"), Some("sh")), range("shop/")),
        // Each would walk through all runs of the other.
        (of(Some("shop"), Some("bench/order:")), Key::Nothing),
        (of(Some("shop"), Some("bench/order:1.0.0")), Key::Nothing),
        (of(Some("shop"), Some("shop-2/order:1.0.0")), Key::Nothing),
    ];
    for (filter, expected) in cases {
        assert_eq!(key(&filter), (expected, None), "{filter:?}");
    }
}

#[test]
fn a_parent_and_what_ended_lately_are_found_before_a_definition() {
    let parent = Some(kintsugi_core::RunId::parse("p").unwrap());
    let rest = Some(Key::Definitions("shop/".to_owned()));
    let filter = RunFilter { parent, ended_from: Some(5), ..of(Some("shop"), None) };
    assert_eq!(key(&filter), (Key::Parent("p".to_owned()), rest.clone()));
    let filter = RunFilter { parent: None, ..filter };
    assert_eq!(key(&filter), (Key::Ended(5), rest));
}
