//! What operators rely on: the rules of the alerts do what they say, and a real Prometheus sees
//! every metric that rules and the dashboard ask for.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use kintsugi_tests::{Client, Engine, Shape, Tool, eventually, free_port, root, tool};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(60);

const BREAKS: &str = "document: {dsl: '1.0.3', namespace: test, name: breaks, version: '1.0.0'}\n\
    do: [{crash: {call: simulate, with: {mode: crash}}}]";

fn config(name: &str) -> PathBuf {
    root().join("observability/config").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(config(name)).unwrap()
}

/// The metrics that a text speaks of.
fn metrics(text: &str) -> BTreeSet<&str> {
    let is_name = |one: char| one.is_ascii_alphanumeric() || one == '_';
    let names = text.split(|one| !is_name(one)).filter(|word| word.starts_with("kintsugi_"));
    names.collect()
}

/// What the dashboard asks, as Grafana would send it.
fn questions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("grafana/kintsugi.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let texts = targets.map(|target| target["expr"].as_str().unwrap());
    texts.map(|text| text.replace("$__rate_interval", "1m")).collect()
}

#[test]
fn the_rules_do_what_they_say() {
    let Some(promtool) = tool(Tool::Promtool) else { return };
    for args in [
        ["check", "config", "prometheus.yml"],
        ["check", "config", "prometheus.compose.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts.test.yml"],
    ] {
        let mut command = Command::new(&promtool);
        let output = command.args(&args[..2]).arg(config(args[2])).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
    }
}

#[test]
fn each_alert_is_tested_and_has_its_paragraph() {
    let (rules, tests) = (read("alerts.yml"), read("alerts.test.yml"));
    let pages = fs::read_to_string(root().join("docs/operations/alerts.md")).unwrap();
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let mut count = 0;
    for name in names {
        count += 1;
        assert!(tests.contains(name), "{name} has no test");
        assert!(pages.contains(&format!("### {name}\n")), "{name} has no paragraph");
        assert!(rules.contains(&format!("alerts.md#{}", name.to_lowercase())), "{name}");
    }
    assert!(count > 10, "only {count} alerts were found");
}

/// A process that ends with its test, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_sees_what_rules_and_dashboard_ask_for() {
    let Some(engine) = Engine::start(Shape::Dev, &[]).await else { return };
    engine.client.define(BREAKS).await;
    let run = engine.client.start("test/breaks:1.0.0", Value::Null).await;
    assert_eq!(engine.client.ended(&run, SOON).await["status"], "completed");

    let (rules, dashboard) = (read("alerts.yml"), read("grafana/kintsugi.json"));
    let asked: BTreeSet<_> = metrics(&rules).union(&metrics(&dashboard)).copied().collect();
    assert!(asked.len() > 15, "{asked:?}");
    let told = eventually("a recovery is told of", SOON, || async {
        let (_, text) = engine.client.try_get("/metrics").await?;
        let text = text.as_str()?.to_owned();
        text.contains("kintsugi_recoveries_total{").then_some(text)
    })
    .await;
    let told: Vec<&str> = told.lines().filter(|line| !line.starts_with('#')).collect();
    let told = told.join("\n");
    let told = metrics(&told);
    let absent: Vec<_> = asked.difference(&told).collect();
    assert!(absent.is_empty(), "/metrics tells nothing of {absent:?}, but only of {told:?}");

    let Some((prometheus, _process)) = prometheus(&engine) else { return };
    for name in asked {
        eventually(&format!("Prometheus has {name}"), SOON, || async {
            let (_, found) = ask(&prometheus, name).await?;
            (!found["data"]["result"].as_array()?.is_empty()).then_some(())
        })
        .await;
    }
    for question in questions() {
        let (status, answer) = ask(&prometheus, &question).await.unwrap();
        assert_eq!(status, 200, "{question}: {answer}");
    }
    let (_, rules) = prometheus.get("/api/v1/rules").await;
    let rules = rules["data"]["groups"][0]["rules"].as_array().unwrap().clone();
    let bad: Vec<_> = rules.iter().filter(|rule| rule["health"] == "err").collect();
    assert!(rules.len() > 10 && bad.is_empty(), "{bad:?}");
}

async fn ask(prometheus: &Client, question: &str) -> Option<(u16, Value)> {
    let question: String = question.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let (status, body) = prometheus.try_get(&format!("/api/v1/query?query={question}")).await?;
    Some((status.as_u16(), body))
}

/// A Prometheus with the configuration of this folder, which looks at `engine`.
fn prometheus(engine: &Engine) -> Option<(Client, Killed)> {
    let binary = tool(Tool::Prometheus)?;
    let gateway = engine.client.url("").trim_start_matches("http://").to_owned();
    let text = read("prometheus.yml").replace("127.0.0.1:3000", &gateway).replace("5s", "1s");
    fs::write(engine.path("prometheus.yml"), text).unwrap();
    fs::copy(config("alerts.yml"), engine.path("alerts.yml")).unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let log = fs::File::create(engine.path("prometheus.log")).unwrap();
    let process = Command::new(binary)
        .arg(format!("--config.file={}", engine.path("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", engine.path("prometheus").display()))
        .arg(format!("--web.listen-address={address}"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    Some((Client::new(&format!("http://{address}")), Killed(process)))
}

#[test]
fn a_password_of_digits_is_a_text() {
    let Some(kintsugi) = tool(Tool::Kintsugi) else { return };
    let config = |name: &str, value: &str| {
        let mut command = Command::new(&kintsugi);
        command.arg("config").env_remove("KINTSUGI_BIN").env_remove("KINTSUGI_SEED");
        let output = command.env(name, value).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}={value}: {said}");
        assert!(said.contains("***") && !said.contains(value), "{said}");
        assert!(said.contains(name), "{said}");
    };
    for value in ["12345678901", "00120012", "1.5011111", "[1, 2, 3]"] {
        config("KINTSUGI_GATEWAY__TOKEN", value);
        config("KINTSUGI_NATS__PASSWORD", value);
    }
}
