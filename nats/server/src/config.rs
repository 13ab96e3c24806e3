//! The files of a server's folder.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

pub(super) fn log(dir: &Path) -> PathBuf {
    dir.join("nats-server.log")
}

pub(super) fn pid(dir: &Path) -> PathBuf {
    dir.join("nats-server.pid")
}

pub(super) fn file(dir: &Path) -> PathBuf {
    dir.join("nats-server.conf")
}

/// The configuration. JSON strings are strings of its syntax as well, whatever is in a path.
pub(super) fn text(dir: &Path, listen: SocketAddr, file_bytes_max: u64) -> String {
    let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy()).to_string();
    let port = if listen.port() == 0 { "-1".to_owned() } else { listen.port().to_string() };
    let (store, pid) = (quoted(&dir.join("jetstream")), quoted(&pid(dir)));
    let ports = quoted(dir);
    format!(
        r#"# Written by Kintsugi at each start. nats/server.conf says why the settings are what they are.
server_name: kintsugi
host: "{host}"
port: {port}
pid_file: {pid}
ports_file_dir: {ports}
max_payload: 8MB
ping_interval: "10s"
ping_max: 2
jetstream {{
    store_dir: {store}
    max_memory_store: 64MB
    max_file_store: {file_bytes_max}
}}
"#,
        host = listen.ip(),
    )
}
