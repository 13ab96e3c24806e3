//! What README.md and the pages of `docs/` tell people to type is typed here, as it stands there, with
//! the real curl and nats CLI. Only ports, and what a reader would fill in, are replaced.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    os::unix::{fs::symlink, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use kintsugi_tests::{Engine, Shape, Tool, eventually, root, tool};
use serde_json::{Value, json};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(60);

/// Blocks of shell on a page, below the first line that begins with `below`.
fn blocks(page: &str, below: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let start = text.lines().position(|line| line.starts_with(below));
    let start = start.unwrap_or_else(|| panic!("{page} has no `{below}`"));
    let (mut found, mut open) = (Vec::<String>::new(), false);
    for line in text.lines().skip(start) {
        match line.trim_end() {
            "```sh" => {
                found.push(String::new());
                open = true;
            }
            "```" => open = false,
            line if open => found.last_mut().unwrap().push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    found
}

/// A shell in which the documented commands reach this engine.
struct Shell {
    engine: Engine,
    folder: TempDir,
    path: String,
    cli: Option<PathBuf>,
}

/// A script in the background, with whatever it started.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

impl Shell {
    #[expect(clippy::disallowed_methods, reason = "the shell's own path")]
    async fn begin() -> Option<Self> {
        let engine = Engine::start(Shape::Dev, &[]).await?;
        let folder = tempfile::tempdir().unwrap();
        let cli = tool(Tool::NatsCli);
        if let Some(cli) = &cli {
            symlink(cli, folder.path().join("nats")).unwrap();
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", folder.path().display());
        Some(Self { engine, folder, path, cli })
    }

    fn command(&self, script: &str) -> Command {
        let kintsugi = tool(Tool::Kintsugi).unwrap().display().to_string();
        let script = script
            .replace("http://127.0.0.1:3000", self.engine.client.url("").trim_end_matches('/'))
            .replace("target/release/kintsugi", &kintsugi);
        let mut command = Command::new("bash");
        command
            .args(["-e", "-o", "pipefail", "-c", &script])
            .current_dir(root())
            .env("PATH", &self.path)
            .env("api", self.engine.client.url("").trim_end_matches('/'))
            .env("NATS_URL", self.engine.nats_url())
            .env("KINTSUGI_NATS__URL", self.engine.nats_url())
            .env_remove("KINTSUGI_BIN")
            .env_remove("KINTSUGI_SEED")
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    /// Runs a script that must succeed, and gives what it printed.
    async fn run(&self, script: &str) -> String {
        let mut command = self.command(script);
        let shown = script.to_owned();
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("$ {shown}\n{text}{errors}");
        assert!(output.status.success(), "{shown}\n{text}\n{errors}");
        text + &errors
    }

    fn spawn(&self, script: &str, output: &str) -> Background {
        let file = std::fs::File::create(self.folder.path().join(output)).unwrap();
        let child = self.command(script).stdout(file.try_clone().unwrap()).stderr(file).spawn();
        Background(child.unwrap())
    }

    fn printed(&self, output: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(output)).unwrap_or_default()
    }

    /// Process of the worker that holds a task of the run, as `/v1/workers` shows it.
    async fn holder(&self, run: &str) -> u64 {
        eventually("somebody holds the task", SOON, || async {
            let (_, found) = self.engine.client.try_get("/v1/workers").await?;
            let holds = |worker: &&Value| {
                let mut leases = worker["leases"].as_array().into_iter().flatten();
                leases.any(|lease| lease["task"].as_str().is_some_and(|t| t.starts_with(run)))
            };
            found["items"].as_array()?.iter().find(holds)?["pid"].as_u64()
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_of_the_readme_goes_as_it_says() {
    let Some(shell) = Shell::begin().await else { return };
    let kill = &blocks("README.md", "**2. ")[0];
    let (before, after) = kill.split_once("kill -9 PID").expect("the tour kills a worker");
    let shown = shell.run(before).await;
    assert!(shown.contains("shop/order:1.0.0") && shown.contains("my-order"), "{shown}");
    let pid = shell.holder("my-order:3").await;
    let shown = shell.run(&format!("kill -9 {pid}{after}")).await;
    assert!(shown.contains("completed") && shown.contains("worker_dead"), "{shown}");

    if shell.cli.is_some() {
        plain_nats(&shell).await;
    }

    let exec = &blocks("README.md", "**4. ")[0];
    let _worker = shell.spawn(&format!("{exec}\nsleep 600"), "exec");
    eventually("the program is a worker", SOON, || async {
        shell.printed("exec").contains("\"greeting\":\"hello\"").then_some(())
    })
    .await;
}

/// Each line by itself; what listens for ever listens beside the others.
async fn plain_nats(shell: &Shell) {
    let nats = &blocks("README.md", "**3. ")[0];
    let mut listener = None;
    for line in nats.lines().filter(|line| line.starts_with("nats sub")) {
        listener = Some(shell.spawn(line, "sub"));
        eventually("it listens", SOON, || async {
            shell.printed("sub").contains("Subscribing").then_some(())
        })
        .await;
    }
    assert!(listener.is_some(), "the tour listens: {nats}");
    let mut shown = String::new();
    for line in nats.lines().filter(|line| !line.starts_with("nats sub")) {
        shown.push_str(&shell.run(line).await);
    }
    for text in ["\"pending\"", "\"completed\"", "kintsugi-api-gateway", "kintsugi-orchestrator"] {
        assert!(shown.contains(text), "{text} is not in {shown}");
    }
    eventually("every run is heard of", SOON, || async {
        let heard = shell.printed("sub");
        (heard.matches("workflow.completed").count() >= 3).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_api_page_work() {
    let Some(shell) = Shell::begin().await else { return };
    if shell.cli.is_none() {
        return;
    }
    for name in ["order.yaml", "approval.yaml"] {
        let example = root().join("nats/examples").join(name);
        std::fs::copy(example, shell.folder.path().join(name)).unwrap();
    }
    let here = format!("cd {}\n", shell.folder.path().display());
    let all = blocks("docs/api/README.md", "# ");
    assert_eq!(all.len(), 5, "HTTP, payloads, NATS, publishing, and events");
    let image: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    std::fs::write(shell.folder.path().join("scan.png"), &image).unwrap();
    let (start, result) = all[0].split_once("curl -sS 'http").expect("the last one waits");
    let shown = shell.run(&format!("{here}{start}")).await;
    let id = shown.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let shown = shell.run(&format!("curl -sS 'http{}", result.replace("<id>", id))).await;
    assert!(shown.contains("completed"), "{shown}");
    for block in &all[1..] {
        shell.run(&format!("{here}{block}")).await;
    }
    eventually("what was asked for and published is there", SOON, || async {
        let (_, page) = shell.engine.client.try_get("/v1/runs?limit=50").await?;
        (page["items"].as_array()?.len() >= 6).then_some(())
    })
    .await;
    assert!(std::fs::read(shell.folder.path().join("copy.png")).unwrap() == image);
    let signalled = shell.engine.client.ended("vase-1", SOON).await;
    assert_eq!(signalled["output"]["data"], json!({"approved": true, "by": "ada"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_made_by_hand_on_the_page_of_the_protocol_works() {
    let Some(shell) = Shell::begin().await else { return };
    if shell.cli.is_none() {
        return;
    }
    let greet = "document: {dsl: 1.0.3, namespace: demo, name: greet, version: 1.0.0}\n\
        do: [{greet: {call: greet}}]";
    shell.engine.client.define(greet).await;
    let run = shell.engine.client.start("demo/greet:1.0.0", json!(null)).await;
    let block = &blocks("docs/protocol/README.md", "## Worked example")[0];
    shell.run(&format!("cd {}\n{block}", shell.folder.path().display())).await;
    let ended = shell.engine.client.ended(&run, SOON).await;
    assert_eq!(ended["output"], json!({ "greeting": "hello" }), "{ended}");
}
