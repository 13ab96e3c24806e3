//! Which failures may pass.

use super::is_transient_code;

#[test]
fn what_may_pass_is_transient() {
    for code in ["40P01", "57P03", "08006", "53100", "55P03", "5", "517", "13"] {
        assert!(is_transient_code(code), "{code}");
    }
    for code in ["23505", "42P01", "22P02", "1", "2067", "11"] {
        assert!(!is_transient_code(code), "{code}");
    }
}
