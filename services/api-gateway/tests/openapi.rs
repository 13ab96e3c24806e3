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
