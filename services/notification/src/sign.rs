//! Signatures in the form of Standard Webhooks 1.0: HMAC-SHA256 over id, time and body.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use kintsugi_runtime::Secret;
use sha2::Sha256;

/// A shorter key can be guessed.
const KEY_BYTES_MIN: usize = 16;

/// The key that a secret stands for; none when it is too short or not base64.
pub(crate) fn key(secret: &Secret) -> Option<Vec<u8>> {
    let text = secret.expose();
    let key = match text.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).ok()?,
        None => text.as_bytes().to_vec(),
    };
    (key.len() >= KEY_BYTES_MIN).then_some(key)
}

/// The value of `webhook-signature`; none for a key that HMAC does not take, which there is none of.
pub(crate) fn signature(key: &[u8], id: &str, seconds: i64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own test suite.
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
        let signed = signature(&key(&secret).unwrap(), id, 1_614_265_330, body);
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
