//! The nats-server that runs as a child process.

use kintsugi_nats::{Bus, Error, Options, Server, ServerError, ServerOptions};
use tokio::sync::oneshot;

use crate::support::{Dir, World, binary, eventually, soon, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_comes_back_at_the_same_address() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let (stop, stopped) = oneshot::channel::<()>();
    let keeper = tokio::spawn({
        let server = server.clone();
        async move { server.run(async { drop(stopped.await) }).await }
    });
    let (url, pid) = (server.url(), server.pid());
    server.kill9().await;
    eventually("it is back", || async { server.is_running() && server.pid() != pid }).await;
    assert_eq!(server.url(), url);
    eventually("the bus as well", || async { bus.ping().await.is_ok() }).await;
    stop.send(()).unwrap();
    soon(keeper).await.unwrap();
    assert!(!server.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_server() {
    let Some(binary) = binary() else { return };
    let dir = Dir::new();
    let options = ServerOptions::new(binary, &dir.0);
    let first = Server::spawn(options.clone()).await.unwrap();
    let second = Server::spawn(options.clone()).await;
    assert!(matches!(second, Err(ServerError::InUse { .. })), "{second:?}");
    assert!(first.is_running());
    drop(first);
    Server::spawn(options).await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_left_behind_is_stopped() {
    let Some(binary) = binary() else { return };
    let dir = Dir::new();
    let options = ServerOptions::new(&binary, &dir.0);
    let first = Server::spawn(options.clone()).await.unwrap();
    first.stop().await;
    drop(first);
    // As if its parent had been killed together with the guard.
    let conf = dir.0.canonicalize().unwrap().join("nats-server.conf");
    let mut orphan = tokio::process::Command::new(&binary)
        .arg("-c")
        .arg(conf)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pid = orphan.id().unwrap().to_string();
    let pid_file = dir.0.join("nats-server.pid");
    eventually("its pid file", || async {
        std::fs::read_to_string(&pid_file).is_ok_and(|text| text.trim() == pid)
    })
    .await;
    let waited = tokio::spawn(async move { orphan.wait().await });
    let next = soon(Server::spawn(options)).await.unwrap();
    assert!(soon(waited).await.is_ok());
    assert!(next.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_nats_server_is_refused() {
    let dir = Dir::new();
    for program in ["/nowhere/nats-server", "true"] {
        let refused = Server::spawn(ServerOptions::new(program, &dir.0)).await;
        assert!(matches!(refused, Err(ServerError::NotRunnable { .. })), "{refused:?}");
    }
    let Some(binary) = binary() else { return };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = ServerOptions::new(binary, &dir.0).listen(taken.local_addr().unwrap());
    let refused = Server::spawn(options).await;
    let Err(ServerError::NotReady { reason, .. }) = &refused else { panic!("{refused:?}") };
    assert!(reason.contains("address already in use"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_not_there_is_an_error_after_a_while() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let wait = std::time::Duration::from_millis(300);
    let url = format!("nats://{free}");
    let refused = Bus::connect(&Options { url, wait, ..Options::default() }).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    let both = Options {
        user: Some("u".into()),
        token: Some("geheim".into()),
        url: "nats://u:geheim@h:1".into(),
        ..Options::default()
    };
    assert!(matches!(Bus::connect(&both).await, Err(Error::Refused { .. })));
    assert!(!format!("{both:?}").contains("geheim"));
}

/// Not a test: the parent that [`a_server_ends_with_its_parent`] kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs within another test"]
#[expect(clippy::disallowed_methods, reason = "the test that starts this says where")]
async fn parent() {
    let Ok(dir) = std::env::var("KINTSUGI_TEST_DIR") else { return };
    let server = Server::spawn(ServerOptions::new(binary().unwrap(), dir)).await.unwrap();
    server.run(std::future::pending()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_ends_with_its_parent() {
    let Some(binary) = binary() else { return };
    let dir = Dir::new();
    let mut parent = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["server::parent", "--exact", "--ignored"])
        .env("KINTSUGI_TEST_DIR", &dir.0)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let options = ServerOptions::new(binary, &dir.0);
    let greets = || async {
        let ports = std::fs::read_dir(&dir.0).unwrap().flatten();
        ports.into_iter().any(|entry| entry.file_name().to_string_lossy().ends_with(".ports"))
    };
    eventually("the child runs", greets).await;
    let pid = std::fs::read_to_string(dir.0.join("nats-server.pid")).unwrap();
    let alive = || {
        let command = std::fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
        command.windows(11).any(|part| part == b"nats-server")
    };
    assert!(alive());
    parent.kill().await.unwrap();
    eventually("it ended", || async { !alive() }).await;
    Server::spawn(options).await.unwrap();
}
