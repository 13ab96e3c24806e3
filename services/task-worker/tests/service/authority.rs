//! A service that asks who is there, and the authority that gives it tokens.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Form, Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

/// The password and secret that every marker test looks for.
pub(crate) const MARKER: &str = "kintsugi-marker-7c1f";

/// What it was asked, and how often it gave a token.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) tokens: AtomicUsize,
    /// Tokens below this number are not taken any more.
    pub(crate) valid_from: AtomicUsize,
    pub(crate) forms: std::sync::Mutex<Vec<HashMap<String, String>>>,
}

#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
}

impl Authority {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let authority = Self { address, seen: Arc::default() };
        let router = Router::new()
            .route("/basic", get(basic))
            .route("/digest", get(digest))
            .route("/api", get(api))
            .route("/echo", get(echo).post(echo))
            .route("/away", get(away))
            .route("/oauth2/token", post(token))
            .route("/json/token", post(json_token))
            .route("/.well-known/openid-configuration", get(discovery))
            .with_state(authority.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        authority
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn grant(&self, form: HashMap<String, String>, headers: &HeaderMap) -> Response {
        let secret = form.get("client_secret").map(String::as_str);
        let authorization = headers.get(header::AUTHORIZATION).and_then(|text| text.to_str().ok());
        let good = secret == Some(MARKER)
            || form.get("password").map(String::as_str) == Some(MARKER)
            || form.get("subject_token").map(String::as_str) == Some(MARKER)
            || form.get("refresh_token").map(String::as_str) == Some(MARKER)
            || form.contains_key("client_assertion")
            || authorization.is_some_and(|text| text.starts_with("Basic "));
        self.seen.forms.lock().expect("no panic").push(form);
        if !good {
            let refusal = json!({"error": "invalid_client", "error_description": MARKER});
            return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
        }
        let number = self.seen.tokens.fetch_add(1, Ordering::SeqCst) + 1;
        // A JWT without a signature worth the name: what counts here is the issuer that it names.
        let claims = format!(r#"{{"iss":"http://{}","n":{number}}}"#, self.address);
        use base64::Engine;
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
        let token = format!("{MARKER}.{claims}.{number}");
        Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600}))
            .into_response()
    }
}

async fn basic(headers: HeaderMap) -> Response {
    use base64::Engine;
    let wanted = base64::engine::general_purpose::STANDARD.encode(format!("user:{MARKER}"));
    let given = headers.get(header::AUTHORIZATION).and_then(|text| text.to_str().ok());
    match given == Some(format!("Basic {wanted}").as_str()) {
        // It says more than it should, as services do.
        true => Json(json!({"user": "user", "leak": given, "plain": MARKER})).into_response(),
        false => (StatusCode::UNAUTHORIZED, format!("not with {given:?}")).into_response(),
    }
}

/// Checks the answer as RFC 7616 says, by itself.
async fn digest(headers: HeaderMap) -> Response {
    use md5::Digest as _;
    let hash = |text: &str| -> String {
        md5::Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let given = headers.get(header::AUTHORIZATION).and_then(|text| text.to_str().ok());
    let field = |name: &str| {
        let text = given?.split(&format!("{name}=")).nth(1)?;
        Some(text.split([',']).next()?.trim_matches('"').to_owned())
    };
    let secret = hash(&format!("user:here:{MARKER}"));
    let asked = hash("GET:/digest?q=1");
    let wanted = field("cnonce")
        .map(|cnonce| hash(&format!("{secret}:the-nonce:00000001:{cnonce}:auth:{asked}")));
    if wanted.is_some() && field("response") == wanted {
        return Json(json!({"digest": true})).into_response();
    }
    let challenge = "Digest realm=\"here\", nonce=\"the-nonce\", qop=\"auth\", algorithm=MD5";
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
}

/// Takes tokens that are not too old.
async fn api(State(authority): State<Authority>, headers: HeaderMap) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|text| text.to_str().ok());
    let number = given.and_then(|text| text.rsplit('.').next()?.parse::<usize>().ok());
    let valid = authority.seen.valid_from.load(Ordering::SeqCst);
    match number {
        Some(number) if number >= valid => Json(json!({"token": number})).into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn echo(
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Json<Value> {
    let headers: HashMap<_, _> = headers
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let body = String::from_utf8_lossy(&body).into_owned();
    Json(json!({"headers": headers, "query": query, "body": body}))
}

/// To the same service under another name, which is another origin.
async fn away(State(authority): State<Authority>) -> Redirect {
    Redirect::temporary(&format!("http://localhost:{}/echo", authority.address.port()))
}

async fn token(
    State(authority): State<Authority>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    authority.grant(form, &headers)
}

async fn json_token(
    State(authority): State<Authority>,
    headers: HeaderMap,
    Json(form): Json<HashMap<String, String>>,
) -> Response {
    authority.grant(form, &headers)
}

async fn discovery(State(authority): State<Authority>) -> Json<Value> {
    Json(json!({
        "issuer": authority.url(""), "token_endpoint": authority.url("/oauth2/token"),
    }))
}
