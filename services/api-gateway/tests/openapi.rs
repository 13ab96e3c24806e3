//! The OpenAPI document that is checked in is the one that is served.

use std::{fs, path::Path};

#[test]
fn the_openapi_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/openapi.json");
    let served = kintsugi_api_gateway::openapi() + "\n";
    if std::env::vars().any(|(name, value)| name == "UPDATE" && value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &served).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == served, "docs/api/openapi.json is old; run this test with UPDATE=1");
}

/// Two groups of operations that share a path would write it twice, and readers keep one of them.
#[test]
fn each_path_stands_once() {
    let text = kintsugi_api_gateway::openapi();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    for path in document["paths"].as_object().unwrap().keys() {
        assert_eq!(text.matches(&format!("\n    \"{path}\": {{")).count(), 1, "{path}");
    }
}
