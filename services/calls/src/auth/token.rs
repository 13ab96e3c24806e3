//! OAuth 2.0 and `OpenID` Connect: tokens, kept while they are good.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kintsugi_worker::Failure;
use reqwest::{
    Method, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Session, client::Client};
use crate::{sensitive::percent_encoded, web::Outgoing};

/// Policies whose tokens are kept at most.
const KEPT_MAX: usize = 1_000;

/// How long a token is used that says nothing about its end.
const UNSAID: Duration = Duration::from_secs(60);

/// A token is not used in its last moments: the longest of them, and the part of its life.
const MARGIN: (Duration, u32) = (Duration::from_secs(30), 10);

/// Where an authority describes itself (`OpenID` Connect Discovery 1.0, section 4).
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// The policy `oauth2` or `oidc`.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct OAuth {
    authority: String,
    grant: String,
    #[serde(default)]
    endpoints: Endpoints,
    client: Option<Client>,
    #[serde(default)]
    request: Request,
    #[serde(default)]
    issuers: Vec<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    audiences: Vec<String>,
    username: Option<String>,
    password: Option<String>,
    subject: Option<Token>,
    actor: Option<Token>,
}

#[derive(Clone, Deserialize, Serialize)]
struct Endpoints {
    #[serde(default = "token_path")]
    token: String,
}

fn token_path() -> String {
    "/oauth2/token".to_owned()
}

impl Default for Endpoints {
    fn default() -> Self {
        Self { token: token_path() }
    }
}

#[derive(Clone, Default, Deserialize, Serialize)]
struct Request {
    #[serde(default)]
    encoding: Encoding,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, Serialize)]
enum Encoding {
    #[default]
    #[serde(rename = "application/x-www-form-urlencoded")]
    Form,
    #[serde(rename = "application/json")]
    Json,
}

#[derive(Clone, Deserialize, Serialize)]
struct Token {
    token: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Tokens of this worker, by policy. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Arc<Mutex<HashMap<[u8; 32], Slot>>>);

/// Whoever needs a token waits for the one who fetches it.
type Slot = Arc<tokio::sync::Mutex<Option<Kept>>>;

struct Kept {
    access: String,
    /// The authority gave a refresh token: the next one is asked for with it.
    refresh: Option<String>,
    until: Instant,
}

/// What a token endpoint answers (RFC 6749, 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<f64>,
    refresh_token: Option<String>,
}

impl Tokens {
    /// A token that is good, and is not `stale`.
    pub(super) async fn get(
        &self,
        config: &OAuth,
        oidc: bool,
        stale: Option<&str>,
        session: &Session<'_>,
    ) -> Result<String, Failure> {
        let slot = self.slot(config, oidc);
        let mut kept = slot.lock().await;
        if let Some(known) = kept.as_ref()
            && known.until > Instant::now()
            && stale != Some(known.access.as_str())
        {
            session.sensitive.add(&known.access);
            return Ok(known.access.clone());
        }
        let refresh = kept.take().and_then(|known| known.refresh);
        let granted = config.fetch(oidc, refresh.as_deref(), session).await?;
        let access = granted.access_token.clone();
        *kept = Some(granted.keep());
        Ok(access)
    }

    fn slot(&self, config: &OAuth, oidc: bool) -> Slot {
        let text = serde_json::to_vec(&(oidc, config)).unwrap_or_default();
        let key: [u8; 32] = Sha256::digest(text).into();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX && !kept.contains_key(&key) {
            kept.clear();
        }
        Arc::clone(kept.entry(key).or_default())
    }
}

impl Granted {
    fn keep(self) -> Kept {
        let life = self.expires_in.filter(|seconds| (0.0..1e9).contains(seconds));
        let life = life.map_or(UNSAID, Duration::from_secs_f64);
        let until = Instant::now() + life.saturating_sub(MARGIN.0.min(life / MARGIN.1));
        Kept { access: self.access_token, refresh: self.refresh_token, until }
    }
}

impl OAuth {
    async fn fetch(
        &self,
        oidc: bool,
        refresh: Option<&str>,
        session: &Session<'_>,
    ) -> Result<Granted, Failure> {
        let endpoint = self.endpoint(oidc, session).await?;
        if let Some(refresh) = refresh {
            session.sensitive.add(refresh);
            let parameters =
                vec![("grant_type", "refresh_token".into()), ("refresh_token", refresh.into())];
            // One that is not taken any more is no reason to give up: the policy's own grant is.
            if let Ok(granted) = self.ask(&endpoint, parameters, session).await {
                return Ok(granted);
            }
        }
        let parameters = self.parameters()?;
        self.ask(&endpoint, parameters, session).await
    }

    async fn endpoint(&self, oidc: bool, session: &Session<'_>) -> Result<Url, Failure> {
        let authority = self.authority.trim_end_matches('/');
        if !oidc {
            let path = &self.endpoints.token;
            let text = if path.contains("://") {
                path.clone()
            } else {
                format!("{authority}/{}", path.trim_start_matches('/'))
            };
            return url(&text);
        }
        let request = Outgoing::get(url(&format!("{authority}{DISCOVERY}"))?);
        let answer = session.web.send(&request, session).await?;
        if !answer.status.is_success() {
            return Err(refused(&format!("its authority answered {}", answer.status)));
        }
        let about: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| refused("its authority's description is not JSON"))?;
        let text = |key: &str| about.get(key).and_then(Value::as_str);
        if text("issuer").map(|issuer| issuer.trim_end_matches('/')) != Some(authority) {
            return Err(refused("its authority says that it is another issuer"));
        }
        url(text("token_endpoint").ok_or_else(|| refused("its authority has no token endpoint"))?)
    }

    /// What the grant is asked for with.
    fn parameters(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        let need = |value: Option<&String>, what: &str| {
            let missing = || refused(&format!("the grant `{}` needs `{what}`", self.grant));
            value.cloned().ok_or_else(missing)
        };
        let subject = self.subject.as_ref();
        let mut parameters = vec![("grant_type", self.grant.clone())];
        match self.grant.as_str() {
            "client_credentials" => {}
            "password" => {
                parameters.push(("username", need(self.username.as_ref(), "username")?));
                parameters.push(("password", need(self.password.as_ref(), "password")?));
            }
            "refresh_token" => {
                let token = need(subject.map(|one| &one.token), "subject.token")?;
                parameters.push(("refresh_token", token));
            }
            "urn:ietf:params:oauth:grant-type:token-exchange" => {
                let (token, kind) = (subject.map(|one| &one.token), subject.map(|one| &one.kind));
                parameters.push(("subject_token", need(token, "subject.token")?));
                parameters.push(("subject_token_type", need(kind, "subject.type")?));
                if let Some(actor) = &self.actor {
                    parameters.push(("actor_token", actor.token.clone()));
                    parameters.push(("actor_token_type", actor.kind.clone()));
                }
            }
            other => return Err(refused(&format!("the grant `{other}` is not supported"))),
        }
        if !self.scopes.is_empty() {
            parameters.push(("scope", self.scopes.join(" ")));
        }
        parameters.extend(self.audiences.iter().map(|one| ("audience", one.clone())));
        Ok(parameters)
    }

    async fn ask(
        &self,
        endpoint: &Url,
        mut parameters: Vec<(&'static str, String)>,
        session: &Session<'_>,
    ) -> Result<Granted, Failure> {
        let mut request = Outgoing::get(endpoint.clone());
        request.method = Method::POST;
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(client) = &self.client {
            client.authenticate(endpoint, &mut parameters, &mut request.headers, session)?;
        }
        let (body, media_type) = match self.request.encoding {
            Encoding::Form => (form(&parameters), "application/x-www-form-urlencoded"),
            Encoding::Json => (as_json(&parameters).to_string(), "application/json"),
        };
        request.body = body.into_bytes();
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        let answer = session.web.send(&request, session).await?;
        if !answer.status.is_success() {
            let code = serde_json::from_slice::<Value>(&answer.body).ok();
            let code = code.as_ref().and_then(|body| body.get("error")?.as_str());
            let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
            let message = format!("its token endpoint answered {}{code}", answer.status);
            return Err(if answer.status.is_client_error() {
                refused(&message)
            } else {
                Failure::retryable(format!("no token: {message}"))
                    .kind("communication")
                    .status(answer.status.as_u16())
            });
        }
        // The answer is a secret as a whole: nothing of it may be shown.
        let granted: Granted = serde_json::from_slice(&answer.body)
            .map_err(|_| refused("its token endpoint's answer is not one of OAuth 2.0"))?;
        session.sensitive.add(&granted.access_token);
        granted.refresh_token.iter().for_each(|token| session.sensitive.add(token));
        let kind = granted.token_type.as_deref().unwrap_or("bearer");
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err(refused("its token endpoint gave a token that is not a bearer's"));
        }
        self.check_issuer(&granted.access_token)?;
        Ok(granted)
    }

    /// Where the policy names issuers, the token must say that it is of one of them.
    fn check_issuer(&self, token: &str) -> Result<(), Failure> {
        if self.issuers.is_empty() {
            return Ok(());
        }
        let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims: Option<Value> = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let issuer = claims.as_ref().and_then(|claims| claims.get("iss")?.as_str());
        match issuer {
            Some(issuer) if self.issuers.iter().any(|one| one == issuer) => Ok(()),
            Some(_) => Err(refused("the token's issuer is not among `issuers`")),
            None => Err(refused("the token does not name its issuer, and `issuers` is given")),
        }
    }
}

fn form(parameters: &[(&'static str, String)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// A name that stands several times becomes an array.
fn as_json(parameters: &[(&'static str, String)]) -> Value {
    let mut map = Map::new();
    for (name, value) in parameters {
        match map.get_mut(*name) {
            None => drop(map.insert((*name).to_owned(), json!(value))),
            Some(Value::Array(items)) => items.push(json!(value)),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    Value::Object(map)
}

fn url(text: &str) -> Result<Url, Failure> {
    let parsed = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    parsed.ok_or_else(|| {
        Failure::fatal("the authority of the authentication policy is not an HTTP URL")
            .kind("configuration")
            .status(400)
    })
}

pub(super) fn refused(why: &str) -> Failure {
    Failure::fatal(format!("cannot authenticate: {why}")).kind("authentication").status(401)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_parameters_stay() {
        let parameters =
            [("audience", "a b".to_owned()), ("audience", "c".to_owned()), ("x", "&".to_owned())];
        assert_eq!(form(&parameters), "audience=a%20b&audience=c&x=%26");
        assert_eq!(as_json(&parameters), json!({"audience": ["a b", "c"], "x": "&"}));
    }

    #[test]
    fn a_token_ends_a_little_early() {
        let granted = |expires_in| Granted {
            access_token: "t".to_owned(),
            token_type: None,
            expires_in,
            refresh_token: None,
        };
        let left = |expires_in| granted(expires_in).keep().until - Instant::now();
        assert!(
            (Duration::from_secs(3_569)..=Duration::from_secs(3_570))
                .contains(&left(Some(3_600.0)))
        );
        assert!((Duration::from_secs(8)..=Duration::from_secs(9)).contains(&left(Some(10.0))));
        assert!(left(None) <= UNSAID);
    }
}
