//! What a URL may say.

use super::*;

#[test]
fn what_would_be_passed_over_is_refused() {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let cases = [
        ("sslmod=verify-full", "the parameter `sslmod`"),
        ("sslmode=verify-full&sslmode=disable", "twice"),
        ("sslmode=allow", "`sslmode=allow`"),
        ("sslmode=", "`sslmode=`"),
        ("sslrootcert=/ca.pem", "`sslmode=prefer` does not check"),
        ("sslmode=require&sslrootcert=/ca.pem", "`sslmode=require` does not check"),
        ("sslmode=verify-full&sslrootcert=%2Fnowhere/ca.pem", "/nowhere/ca.pem, which cannot"),
        (&format!("sslmode=verify-full&sslrootcert={own}"), "holds no certificate"),
        ("sslcert=/c.pem", "together"),
        ("sslmode=disable&sslcert=/c.pem&sslkey=/k.pem", "`sslmode=disable`"),
    ];
    for (query, why) in cases {
        let said = check(&format!("postgres://h/d?{query}")).unwrap_err().to_string();
        assert!(said.contains(why), "{query}: {said}");
    }
}

#[test]
fn what_is_known_is_taken() {
    for url in [
        "postgres://u:p@h:1/d",
        "postgres://h/d?sslmode=verify-full",
        "postgres://h/d?options=-c%20work_mem%3D4MB&statement-cache-capacity=7",
    ] {
        check(url).unwrap();
    }
}
