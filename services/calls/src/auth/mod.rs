//! Authentication: what a call shows to say whom it comes from.

mod client;
mod digest;
mod token;

use base64::{Engine, engine::general_purpose::STANDARD};
use kintsugi_worker::{Context, Failure};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Secrets,
    arguments::namespace,
    sensitive::Sensitive,
    web::{Answer, Outgoing, Web},
};
pub(crate) use token::Tokens;

/// A policy, as the language has it, with its secrets filled in.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Policy {
    /// RFC 7617.
    Basic(Login),
    /// RFC 6750.
    Bearer(Bearer),
    /// RFC 7616.
    Digest(Login),
    /// RFC 6749, with the token endpoint of its own.
    Oauth2(Box<token::OAuth>),
    /// The same, with the endpoints that the authority tells (`OpenID` Connect Discovery 1.0).
    Oidc(Box<token::OAuth>),
}

/// A name and a password.
#[derive(Clone, Deserialize)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// A token.
#[derive(Clone, Deserialize)]
pub(crate) struct Bearer {
    pub(crate) token: String,
}

impl Policy {
    /// Reads the argument `authentication`; a policy that is a secret is looked up.
    pub(crate) fn read(
        value: Value,
        context: &Context,
        secrets: &Secrets,
        sensitive: &Sensitive,
    ) -> Result<Self, Failure> {
        let mut value = value;
        if let Some((scheme, body)) = value.as_object_mut().and_then(|map| map.iter_mut().next()) {
            if let Some(name) = body.get("secret").and_then(Value::as_str) {
                let secret = secrets.get(name, namespace(context))?;
                *body = match (scheme.as_str(), secret) {
                    ("bearer", Value::String(token)) => json!({ "token": token }),
                    (_, secret) => secret,
                };
            }
            hide(body, sensitive);
        }
        // What it does not fit may hold secrets: only the first words of the reason are shown.
        serde_json::from_value(value).map_err(|error| {
            let reason = error.to_string();
            let reason = if reason.starts_with("missing field") { &reason } else { "a bad value" };
            let message = format!("the authentication policy cannot be used: {reason}");
            Failure::fatal(message).kind("configuration").status(400)
        })
    }

    /// What goes into `Authorization`, where that is known before the service is asked.
    pub(crate) async fn authorization(
        &self,
        session: &Session<'_>,
    ) -> Result<Option<String>, Failure> {
        let text = match self {
            Self::Basic(login) => {
                let pair = format!("{}:{}", login.username, login.password);
                Some(format!("Basic {}", STANDARD.encode(pair)))
            }
            Self::Bearer(bearer) => Some(format!("Bearer {}", bearer.token)),
            Self::Digest(_) => None,
            Self::Oauth2(config) | Self::Oidc(config) => {
                let token = session.tokens.get(config, self.is_oidc(), None, session).await?;
                Some(format!("Bearer {token}"))
            }
        };
        if let Some(text) = &text {
            let (_, parameter) = text.split_once(' ').unwrap_or_default();
            session.sensitive.add(parameter);
        }
        Ok(text)
    }

    fn is_oidc(&self) -> bool {
        matches!(self, Self::Oidc(_))
    }

    /// Another `Authorization` after the service answered 401: digest's answer to its challenge,
    /// or a new token in place of one that it does not take any more.
    async fn again(
        &self,
        request: &Outgoing,
        answer: &HeaderMap,
        session: &Session<'_>,
    ) -> Result<Option<String>, Failure> {
        match self {
            Self::Digest(login) => {
                let challenges = answer.get_all(WWW_AUTHENTICATE);
                let challenges = challenges.iter().filter_map(|value| value.to_str().ok());
                let target = path_and_query(request);
                let (name, password) = (login.username.as_str(), login.password.as_str());
                let answer = challenges.filter_map(|text| {
                    digest::answer(text, name, password, request.method.as_str(), &target)
                });
                Ok(answer.max_by_key(|(strength, _)| *strength).map(|(_, text)| text))
            }
            Self::Oauth2(config) | Self::Oidc(config) => {
                let sent = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
                self.renewed(config, sent, session).await
            }
            Self::Basic(_) | Self::Bearer(_) => Ok(None),
        }
    }

    /// A new token in place of the one in `sent`, which was not taken.
    async fn renewed(
        &self,
        config: &token::OAuth,
        sent: Option<&str>,
        session: &Session<'_>,
    ) -> Result<Option<String>, Failure> {
        let stale = sent.and_then(|text| text.strip_prefix("Bearer "));
        let token = session.tokens.get(config, self.is_oidc(), stale, session).await?;
        Ok((stale != Some(token.as_str())).then(|| format!("Bearer {token}")))
    }

    /// Another `authorization` after a service of gRPC did not take the one that was `sent`.
    pub(crate) async fn again_as_metadata(
        &self,
        sent: &str,
        session: &Session<'_>,
    ) -> Result<Option<String>, Failure> {
        match self {
            Self::Oauth2(config) | Self::Oidc(config) => {
                self.renewed(config, Some(sent), session).await
            }
            Self::Basic(_) | Self::Bearer(_) | Self::Digest(_) => Ok(None),
        }
    }
}

/// What authentication needs besides the policy.
#[derive(Clone, Copy)]
pub(crate) struct Session<'s> {
    pub(crate) web: &'s Web,
    pub(crate) tokens: &'s Tokens,
    pub(crate) sensitive: &'s Sensitive,
    pub(crate) context: &'s Context,
}

impl Session<'_> {
    /// Sends a request as its policy says: once more if the service answers 401 and the policy
    /// knows another answer.
    pub(crate) async fn send(
        &self,
        request: Outgoing,
        policy: Option<&Policy>,
    ) -> Result<Answer, Failure> {
        let answer = self.open(request, policy).await?;
        self.web.read(answer).await
    }

    /// The same; the answer's body is still to be read.
    pub(crate) async fn open(
        &self,
        mut request: Outgoing,
        policy: Option<&Policy>,
    ) -> Result<reqwest::Response, Failure> {
        let Some(policy) = policy else { return self.web.open(&request, self).await };
        if let Some(text) = policy.authorization(self).await? {
            authorize(&mut request.headers, &text)?;
        }
        let answer = self.web.open(&request, self).await?;
        if answer.status().as_u16() != 401 {
            return Ok(answer);
        }
        let Some(text) = policy.again(&request, answer.headers(), self).await? else {
            return Ok(answer);
        };
        authorize(&mut request.headers, &text)?;
        self.web.open(&request, self).await
    }
}

/// Puts `text` into `Authorization`.
pub(crate) fn authorize(headers: &mut HeaderMap, text: &str) -> Result<(), Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        let message = "the authentication has a character that cannot stand in a header";
        Failure::fatal(message).kind("configuration").status(400)
    })?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

/// The request target as it stands in the request line.
fn path_and_query(request: &Outgoing) -> String {
    match request.url.query() {
        Some(query) => format!("{}?{query}", request.url.path()),
        None => request.url.path().to_owned(),
    }
}

/// Masks what is secret in a policy, wherever it came from.
fn hide(body: &Value, sensitive: &Sensitive) {
    for pointer in ["/password", "/token", "/subject/token", "/actor/token"] {
        body.pointer(pointer).into_iter().for_each(|value| sensitive.add_all(value));
    }
    for pointer in ["/client/secret", "/client/assertion"] {
        body.pointer(pointer).into_iter().for_each(|value| sensitive.add_all(value));
    }
}
