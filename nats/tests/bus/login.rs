//! Logging in to a real nats-server, in each way that can be set.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kintsugi_nats::{Bus, Options};
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::support::{Dir, binary, eventually};

/// A server with a configuration of its own.
struct Server {
    port: u16,
    process: Child,
    dir: Dir,
}

impl Server {
    async fn start(config: &str) -> Option<Self> {
        let binary = binary()?;
        let dir = Dir::new();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = dir.0.join("server.conf");
        std::fs::write(&file, format!("listen: 127.0.0.1:{port}\n{config}")).unwrap();
        let mut command = Command::new(binary);
        command.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { port, process: command.spawn().unwrap(), dir };
        eventually("it listens", || async {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        })
        .await;
        Some(server)
    }

    fn file(&self, text: &str) -> PathBuf {
        let file = self.dir.0.join("login");
        std::fs::write(&file, text).unwrap();
        file
    }

    fn options(&self) -> Options {
        let url = format!("nats://127.0.0.1:{}", self.port);
        Options { url, wait: Duration::from_secs(3), ..Options::default() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn welcome(options: Options) {
    let bus = Bus::connect(&options).await.unwrap();
    assert!(bus.is_connected(), "{options:?}");
}

async fn refused(options: Options) {
    let refused = Bus::connect(&options).await;
    let Err(error) = refused else { panic!("{options:?} was let in") };
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("authorization violation"), "{cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_password() {
    let config = "authorization { user: kintsugi, password: geheim }";
    let Some(server) = Server::start(config).await else { return };
    let login = |password: &str| Options {
        user: Some("kintsugi".to_owned()),
        password: Some(password.to_owned()),
        ..server.options()
    };
    welcome(login("geheim")).await;
    let in_url = |login: &str| {
        let url = format!("nats://127.0.0.1:1,nats://{login}@127.0.0.1:{}", server.port);
        Options { url, ..server.options() }
    };
    welcome(in_url("kintsugi:gehei%6D")).await;
    tokio::join!(
        refused(login("falsch")),
        refused(server.options()),
        refused(in_url("kintsugi:falsch"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token() {
    let Some(server) = Server::start("authorization { token: geheim }").await else { return };
    let login = |token: &str| Options { token: Some(token.to_owned()), ..server.options() };
    welcome(login("geheim")).await;
    let url = format!("nats://geheim@127.0.0.1:{}", server.port);
    welcome(Options { url, ..server.options() }).await;
    refused(login("falsch")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_of_an_nkey() {
    let (own, other) = (KeyPair::new_user(), KeyPair::new_user());
    let config = format!("authorization {{ users: [{{ nkey: {} }}] }}", own.public_key());
    let Some(server) = Server::start(&config).await else { return };
    let login = |key: &KeyPair| {
        // As `nk -gen user` writes it, with a comment.
        let file = server.file(&format!("# mine\n{}\n", key.seed().unwrap()));
        Options { nkey: Some(file), ..server.options() }
    };
    welcome(login(&own)).await;
    refused(login(&other)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credentials_file() {
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let unlimited = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
        "conn": -1, "leaf": -1, "wildcards": true});
    let of_operator = token(&operator, &operator, json!({"type": "operator", "version": 2}));
    let claims = json!({"type": "account", "version": 2, "limits": unlimited});
    let of_account = token(&operator, &account, claims);
    let name = account.public_key();
    let config = format!(
        "operator: {of_operator}\nresolver: MEMORY\nresolver_preload {{ {name}: {of_account} }}"
    );
    let Some(server) = Server::start(&config).await else { return };
    let login = |by: &KeyPair| {
        let user = KeyPair::new_user();
        let claims = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1});
        let jwt = token(by, &user, claims);
        let file = server.file(&format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            user.seed().unwrap()
        ));
        Options { credentials: Some(file), ..server.options() }
    };
    welcome(login(&account)).await;
    refused(login(&KeyPair::new_account())).await;
}

/// A JWT as NATS has them: `by` says who `of` is.
fn token(by: &KeyPair, of: &KeyPair, nats: Value) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"jti": "TEST", "iat": 1, "iss": by.public_key(), "sub": of.public_key(),
        "name": "test", "nats": nats});
    let text = format!("{}.{}", part(json!({"typ": "JWT", "alg": "ed25519-nkey"})), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(by.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}
