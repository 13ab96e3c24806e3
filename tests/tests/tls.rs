//! Encrypted connections, to a real Postgres and a real nats-server with certificates of an authority
//! of our own: what is trusted works, and what is not is refused in words that help.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::{MetadataExt, chown},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use kintsugi_entities::testing::Postgres;
use kintsugi_tests::{Authority, Client, Engine, Shape, Tool, eventually, free_port, tool};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::json;
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(60);

const PAY: &str = "document: {dsl: '1.0.3', namespace: shop, name: pay, version: '1.0.0'}\n\
    do: [{pay: {call: simulate, with: {output: paid}}}]";

/// A process that ends with its test, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Postgres that takes nobody in the open, and a nats-server that also asks for a certificate and a
/// password.
struct World {
    authority: Authority,
    postgres: Postgres,
    nats_port: u16,
    folder: TempDir,
    _nats: Killed,
}

impl World {
    async fn start() -> Option<Self> {
        let nats = tool(Tool::NatsServer)?;
        let postgres = Postgres::start_or_skip()?;
        let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
        encrypt(&postgres, &authority);
        let server = authority.certify("127.0.0.1");
        let nats_port = free_port();
        let config = format!(
            "listen: 127.0.0.1:{nats_port}\njetstream {{ store_dir: {:?} }}\n\
             tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}\n\
             authorization {{ user: kintsugi, password: \"g3h#im\" }}\n",
            folder.path().join("nats"),
            server.certificate,
            server.key,
            authority.ca(),
        );
        let file = folder.path().join("nats.conf");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(nats);
        command.arg("-c").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        let nats = Killed(command.spawn().unwrap());
        let up = || async { std::net::TcpStream::connect(("127.0.0.1", nats_port)).ok() };
        eventually("nats-server listens", SOON, up).await;
        Some(Self { authority, postgres, nats_port, folder, _nats: nats })
    }

    fn database(&self, query: &str) -> String {
        format!("{}?{query}", self.postgres.url)
    }

    /// What reaches both: as settings of a file.
    fn settings(&self) -> Vec<(&'static str, String)> {
        let me = self.authority.certify("kintsugi");
        let ca = self.authority.ca().display().to_string();
        vec![
            ("database.url", self.database(&format!("sslmode=verify-full&sslrootcert={ca}"))),
            ("nats.url", format!("tls://127.0.0.1:{}", self.nats_port)),
            ("nats.ca", ca),
            ("nats.certificate", me.certificate.display().to_string()),
            ("nats.key", me.key.display().to_string()),
            ("nats.user", "kintsugi".to_owned()),
            ("nats.password", "g3h#im".to_owned()),
        ]
    }

    /// The same with some changed; one without a value is left out.
    fn but(&self, changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let mut settings = self.settings();
        for (name, value) in changes {
            settings.retain(|(one, _)| one != name);
            if !value.is_empty() {
                settings.push((name, (*value).to_owned()));
            }
        }
        settings
    }
}

/// Turns TLS on, and everything else off.
fn encrypt(postgres: &Postgres, authority: &Authority) {
    let server = authority.certify("127.0.0.1");
    // Postgres reads its key as the user that it runs as.
    let owner = fs::metadata(format!("/proc/{}", postgres.pid)).unwrap();
    let own = |file: &std::path::Path| chown(file, Some(owner.uid()), Some(owner.gid()));
    own(&server.key).unwrap();
    let ask = |sql: &str| postgres.psql_in("postgres", sql);
    let _ = ask(&format!("ALTER SYSTEM SET ssl_cert_file = '{}'", server.certificate.display()));
    let _ = ask(&format!("ALTER SYSTEM SET ssl_key_file = '{}'", server.key.display()));
    let _ = ask("ALTER SYSTEM SET ssl = on");
    let rules = ask("SHOW hba_file");
    fs::write(rules, "hostssl all all 127.0.0.1/32 trust\n").unwrap();
    let _ = ask("SELECT pg_reload_conf()");
    // That only asks for it: the next session may still be without.
    let began = Instant::now();
    while ask("SHOW ssl").trim() != "on" {
        assert!(began.elapsed() < SOON, "Postgres does not turn TLS on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn kintsugi(command: &str, settings: &[(&'static str, String)]) -> Option<Command> {
    let mut kintsugi = Command::new(tool(Tool::Kintsugi)?);
    kintsugi.arg(command).env_remove("KINTSUGI_BIN").stdin(Stdio::null());
    for (name, value) in settings {
        kintsugi.arg("--set").arg(format!("{name}={value}"));
    }
    Some(kintsugi)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_works_over_tls_with_a_login() {
    let Some(world) = World::start().await else { return };
    let Some(mut kintsugi) = kintsugi("all", &world.settings()) else { return };
    let (port, ready) = (free_port(), world.folder.path().join("ready.json"));
    kintsugi.args(["--http", &format!("127.0.0.1:{port}"), "--ready-file"]).arg(&ready);
    let log = fs::File::create(world.folder.path().join("log")).unwrap();
    let _engine = Killed(kintsugi.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    let client = Client::new(&format!("http://127.0.0.1:{port}"));
    let log = || fs::read_to_string(world.folder.path().join("log")).unwrap();
    eventually("it is ready", SOON, || async { ready.exists().then_some(()) }).await;

    client.define(PAY).await;
    let run = client.start("shop/pay:1.0.0", json!({})).await;
    assert_eq!(client.ended(&run, SOON).await["output"], "paid", "{}", log());
    let open = "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl) FROM \
        pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'kintsugi'";
    let counts = world.postgres.psql_in("postgres", open);
    assert!(counts.ends_with("|0") && !counts.starts_with('0'), "{counts}");
    assert!(!log().contains("g3h#im") && !fs::read_to_string(&ready).unwrap().contains("g3h"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_trusted_is_refused_in_clear_words() {
    let Some(world) = World::start().await else { return };
    let (stranger, plain) = (Authority::new(), Postgres::start());
    let ca = stranger.ca().display().to_string();
    let me = stranger.certify("kintsugi");
    let (certificate, key) = (me.certificate.display().to_string(), me.key.display().to_string());
    let of = |query: String| world.database(&query);
    let wrong_ca = of(format!("sslmode=verify-full&sslrootcert={ca}"));
    let own = world.authority.ca().display().to_string();
    let wrong_name = wrong_host(&of(format!("sslmode=verify-full&sslrootcert={own}")));
    let no_tls = format!("{}?sslmode=require", plain.url);
    let open = format!("nats://127.0.0.1:{}", world.nats_port);
    let cases: Vec<(Vec<(&'static str, &str)>, &str)> = vec![
        (vec![("database.url", &wrong_ca)], "UnknownIssuer"),
        (vec![("database.url", &wrong_name)], "not valid for name"),
        (vec![("database.url", &no_tls)], "server does not support TLS"),
        (vec![("nats.ca", &ca)], "UnknownIssuer"),
        (vec![("nats.certificate", &certificate), ("nats.key", &key)], "the broker"),
        (vec![("nats.certificate", ""), ("nats.key", "")], "the broker"),
        (vec![("nats.password", "wrong")], "authorization violation"),
        (vec![("nats.url", &open)], "write `tls://…`"),
        (
            vec![("nats.url", &open), ("nats.ca", ""), ("nats.certificate", ""), ("nats.key", "")],
            "UnknownIssuer",
        ),
    ];
    let open_database = of("sslmode=disable".to_owned());
    let mut all: Vec<_> =
        cases.into_iter().map(|(changes, why)| (world.but(&changes), why)).collect();
    all.push((world.but(&[("database.url", &open_database)]), "no encryption"));
    let mut running = Vec::new();
    for (settings, why) in all {
        let Some(mut kintsugi) = kintsugi("orchestrator", &settings) else { return };
        let child = kintsugi.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        running.push((child, settings, why));
    }
    for (child, settings, why) in running {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        println!("{last}");
        assert!(!output.status.success(), "{settings:?}");
        assert!(last.contains(why), "expected `{why}`, but: {said}\n{settings:?}");
        assert!(!said.contains("g3h#im"), "{said}");
    }
}

/// The same server under a name that its certificate does not have.
fn wrong_host(url: &str) -> String {
    url.replace("127.0.0.1", "localhost")
}

const FETCH: &str = "document: {dsl: '1.0.3', namespace: shop, name: fetch, version: '1.0.0'}\n\
    do: [{fetch: {call: http, with: {method: get, endpoint: '${ .url }'}}}]";

/// A service inside: HTTPS under a certificate of `authority`.
fn service(authority: &Authority) -> String {
    let identity = authority.certify("127.0.0.1");
    let certificates = CertificateDer::pem_file_iter(identity.certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(identity.key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.map(Result::unwrap).collect(), key)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("https://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, socket.unwrap());
            let mut request = [0; 1024];
            if stream.read(&mut request).is_ok() {
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                    content-length: 6\r\nconnection: close\r\n\r\n\"gold\"";
                let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn http_tasks_trust_an_authority_of_ones_own_where_they_are_told_to() {
    let authority = Authority::new();
    let url = service(&authority);
    let ca = format!("worker.http.ca={}", authority.ca().display());
    for flags in [&["--set", &ca][..], &[]] {
        let Some(engine) = Engine::start(Shape::Dev, flags).await else { return };
        engine.client.define(FETCH).await;
        let input = json!({ "url": url });
        let run = engine.client.start("shop/fetch:1.0.0", input).await;
        if !flags.is_empty() {
            let ended = engine.client.ended(&run, SOON).await;
            assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!("gold")));
            continue;
        }
        let failed = |run: &serde_json::Value| run.to_string().contains("UnknownIssuer");
        engine.client.until(&run, "the call fails for its certificate", SOON, failed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_that_cannot_be_read_are_refused_in_clear_words() {
    let Some(nats) = tool(Tool::NatsServer) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let bad = "-----BEGIN CERTIFICATE-----\nZ29sZA==\n-----END CERTIFICATE-----\n";
    for (name, text, why) in [
        ("absent", None, "No such file"),
        ("empty", Some(""), "no `-----BEGIN CERTIFICATE-----` in it"),
        ("bad", Some(bad), "certificate 1: "),
    ] {
        if let Some(text) = text {
            fs::write(file(name), text).unwrap();
        }
        let settings = vec![
            ("worker.http.ca", file(name)),
            ("nats.server_binary", nats.display().to_string()),
        ];
        let Some(mut kintsugi) = kintsugi("dev", &settings) else { return };
        kintsugi.args(["--http", "127.0.0.1:0", "--nats", "127.0.0.1:0", "--data"]);
        let output = kintsugi.arg(file("data")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "expected `{why}`, but: {said}");
        assert!(said.contains(&file(name)) && said.contains("worker.http.ca"), "{said}");
    }
}
