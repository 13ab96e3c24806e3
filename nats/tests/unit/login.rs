use std::error::Error as _;

use super::*;

async fn refusal(options: Options) -> String {
    match options.client().await {
        Err(Error::Refused { source, .. }) => source.to_string(),
        other => panic!("not refused: {:?}", other.map(|_| ())),
    }
}

#[tokio::test]
async fn what_contradicts_itself_is_refused() {
    let file = || Some(PathBuf::from("/nowhere/file.pem"));
    let with = |url: &str| Options { url: url.to_owned(), ..Options::default() };
    let cases = [
        (with("ws://h:1"), "scheme is `ws`"),
        (with("nats://u:p@h:1,nats://u:q@h:2"), "have two"),
        (with("tls://h:1, nats://h:2"), "all or none"),
        (Options { ca: file(), ..with("nats://h:1") }, "write `tls://…`"),
        (Options { certificate: file(), ..with("tls://h:1") }, "together"),
        (Options { key: file(), ..with("tls://h:1") }, "together"),
        (Options { ca: file(), ..with("tls://h:1") }, "cannot read /nowhere/file.pem"),
        (Options { nkey: file(), ..with("nats://h:1") }, "cannot read /nowhere/file.pem"),
        (Options { credentials: file(), ..with("h:1") }, "cannot read /nowhere/file.pem"),
        (Options { user: Some("u".to_owned()), ..with("nats://h:1") }, "together"),
        (Options { token: Some("t".to_owned()), ..with("nats://u:p@h:1") }, "give one of"),
        (Options { token: Some("t".to_owned()), nkey: file(), ..with("h:1") }, "give one of"),
    ];
    for (options, why) in cases {
        let said = refusal(options.clone()).await;
        assert!(said.contains(why), "{options:?}: {said}");
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_no_certificate() {
    let ca = Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")));
    let url = "tls://h:1".to_owned();
    let refused = Options { url, ca, ..Options::default() }.client().await;
    let Err(error) = refused else { panic!("it was taken") };
    assert!(error.source().unwrap().to_string().contains("holds no certificate"), "{error:?}");
}

#[test]
fn what_is_shown_has_no_login() {
    let url = "tls://u:geh@im@h:1,nats://k:2, u:p@l:3".to_owned();
    let options = Options { url, token: Some("hush".to_owned()), ..Options::default() };
    assert_eq!(options.shown_url(), "tls://h:1,nats://k:2,l:3");
    let shown = format!("{options:?}");
    assert!(!shown.contains("geh") && !shown.contains("hush"), "{shown}");
}
