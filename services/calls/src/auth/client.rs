//! How a client of OAuth 2.0 says at the token endpoint who it is.

use std::time::SystemTime;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, Mac};
use kintsugi_worker::Failure;
use reqwest::{Url, header::HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Session, authorize, token::refused};
use crate::sensitive::percent_encoded;

/// The client that asks.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Client {
    id: Option<String>,
    secret: Option<String>,
    assertion: Option<String>,
    #[serde(default)]
    authentication: ClientAuthentication,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum ClientAuthentication {
    ClientSecretBasic,
    #[default]
    ClientSecretPost,
    ClientSecretJwt,
    PrivateKeyJwt,
    None,
}

impl Client {
    /// Adds what its way of authentication asks for.
    pub(super) fn authenticate(
        &self,
        endpoint: &Url,
        parameters: &mut Vec<(&'static str, String)>,
        headers: &mut HeaderMap,
        session: &Session<'_>,
    ) -> Result<(), Failure> {
        let need = |value: &Option<String>, what: &str| {
            value.clone().ok_or_else(|| refused(&format!("its client needs `{what}`")))
        };
        match self.authentication {
            ClientAuthentication::ClientSecretBasic => {
                let (id, secret) = (need(&self.id, "id")?, need(&self.secret, "secret")?);
                // Both are encoded as in a form first (RFC 6749, 2.3.1).
                let pair = format!("{}:{}", percent_encoded(&id), percent_encoded(&secret));
                let encoded = STANDARD.encode(pair);
                session.sensitive.add(&encoded);
                authorize(headers, &format!("Basic {encoded}"))?;
            }
            ClientAuthentication::ClientSecretPost => {
                parameters.push(("client_id", need(&self.id, "id")?));
                parameters.extend(self.secret.iter().map(|text| ("client_secret", text.clone())));
            }
            ClientAuthentication::ClientSecretJwt | ClientAuthentication::PrivateKeyJwt => {
                let assertion = match (&self.assertion, self.authentication) {
                    (Some(assertion), _) => assertion.clone(),
                    (None, ClientAuthentication::ClientSecretJwt) => {
                        let (id, secret) = (need(&self.id, "id")?, need(&self.secret, "secret")?);
                        signed(&id, &secret, endpoint)?
                    }
                    (None, _) => return Err(refused("its client needs `assertion`")),
                };
                session.sensitive.add(&assertion);
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                parameters.push(("client_assertion_type", kind.to_owned()));
                parameters.push(("client_assertion", assertion));
                parameters.extend(self.id.iter().map(|id| ("client_id", id.clone())));
            }
            ClientAuthentication::None => {
                parameters.push(("client_id", need(&self.id, "id")?));
            }
        }
        Ok(())
    }
}

/// An assertion of the client about itself, signed with its secret (RFC 7523; `OpenID` Connect Core
/// 1.0, section 9).
fn signed(id: &str, secret: &str, endpoint: &Url) -> Result<String, Failure> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let claims = json!({
        "iss": id, "sub": id, "aud": endpoint.as_str(), "iat": now.as_secs(),
        "exp": now.as_secs() + 60, "jti": uuid::Uuid::new_v4().to_string(),
    });
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(&header), encode(&claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map_err(|_| refused("its client's secret cannot sign"))?;
    mac.update(text.as_bytes());
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
}
