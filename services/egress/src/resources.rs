//! Gets what definitions refer to: functions, schemas, API documents.
//!
//! The URLs stand in documents that anybody who may register one has written, so getting them is
//! bounded in time, size and number, and goes to public addresses only unless it is allowed to go
//! anywhere. What was got is stored with the definition; nothing is ever fetched while it runs.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use kintsugi_definition::{
    Compiled, Need, Problems, ResourceKind, Resources, Settings, Step, compile_with,
};
use reqwest::{Client, Url, header};

use crate::{Allow, Guarded, check, redirects};

/// A chain of references is followed so far: a function that calls a function that calls one.
const ROUNDS_MAX: usize = 8;

/// Redirects that are followed.
const REDIRECTS_MAX: usize = 5;

/// What getting resources may cost, and where it may go.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which addresses.
    pub allow: Allow,
    /// Whether files may be read, too: where the caller is the one who wrote the document.
    pub files: bool,
    /// How long getting all of one definition's may take.
    pub timeout: Duration,
    /// Bytes of one resource.
    pub bytes_max: usize,
    /// Bytes of all of one definition's.
    pub total_bytes_max: usize,
}

impl Default for Rules {
    /// Public addresses, no files, 10 s, 1 MiB each and 4 MiB together.
    fn default() -> Self {
        Self {
            allow: Allow::Public,
            files: false,
            timeout: Duration::from_secs(10),
            bytes_max: 1 << 20,
            total_bytes_max: 4 << 20,
        }
    }
}

/// Why there is no fetcher, or no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The HTTP client cannot be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// Compiling panicked.
    #[error("cannot compile the definition")]
    Compile(#[source] tokio::task::JoinError),
}

/// Has the registry of task types.
pub trait TaskTypes: Sync {
    /// Why it does not answer.
    type Error: From<Error>;

    /// What it says of `names`, each that it has with its name.
    fn get(
        &self,
        names: &[&str],
    ) -> impl Future<Output = Result<HashMap<String, String>, Self::Error>> + Send;
}

/// No registry is at hand.
struct Nobody;

impl TaskTypes for Nobody {
    type Error = Error;

    async fn get(&self, _names: &[&str]) -> Result<HashMap<String, String>, Error> {
        Ok(HashMap::new())
    }
}

/// Gets resources.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    rules: Rules,
}

impl Fetcher {
    /// A fetcher that keeps to `rules`.
    ///
    /// # Errors
    ///
    /// When the HTTP client cannot be made.
    pub fn new(rules: Rules) -> Result<Self, Error> {
        // The TLS library wants one provider of cryptography per process. Somebody else's is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirects(rules.allow, REDIRECTS_MAX))
            .timeout(rules.timeout)
            .dns_resolver(Guarded::shared(rules.allow))
            // A proxy would resolve names itself, past the guard.
            .no_proxy()
            .user_agent(concat!("kintsugi/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Error::Client)?;
        Ok(Self { client, rules })
    }

    /// Compiles a document, and gets what it needs besides what is `known`. What cannot be had is a
    /// problem of the document, at the place that refers to it. Gives the source back.
    ///
    /// # Errors
    ///
    /// When compiling panics. What is wrong with the document is in the inner result.
    pub async fn compile(
        &self,
        source: Vec<u8>,
        settings: Settings,
        known: Resources,
    ) -> Result<(Vec<u8>, Result<Compiled, Problems>), Error> {
        self.compile_with(source, settings, known, &Nobody).await
    }

    /// The same, with the registry of the task types that the settings name.
    ///
    /// # Errors
    ///
    /// When compiling panics, or the registry does not answer.
    pub async fn compile_with<T: TaskTypes>(
        &self,
        source: Vec<u8>,
        settings: Settings,
        known: Resources,
        task_types: &T,
    ) -> Result<(Vec<u8>, Result<Compiled, Problems>), T::Error> {
        let deadline = tokio::time::Instant::now() + self.rules.timeout;
        let (mut resources, mut source, mut round) = (known, source, 0);
        loop {
            // A hostile document may take as long as its limits allow: on a thread of its own.
            let (settings, given) = (settings.clone(), resources);
            let work = move || {
                let step = compile_with(&source, &settings, &given);
                (source, given, step)
            };
            let done = tokio::task::spawn_blocking(work).await.map_err(Error::Compile)?;
            let needs = match done.2 {
                Ok(Step::Done(compiled)) => return Ok((done.0, Ok(*compiled))),
                Ok(Step::Needs(needs)) => needs,
                Err(problems) => return Ok((done.0, Err(problems))),
            };
            (source, resources) = (done.0, done.1);
            let (registered, needs): (Vec<_>, Vec<_>) =
                needs.into_iter().partition(|need| need.kind == ResourceKind::TaskType);
            self.look_up(&registered, &mut resources, task_types).await?;
            self.satisfy(needs, &mut resources, round, deadline).await;
            round += 1;
        }
    }

    /// Gets what is needed; what cannot be had is noted as failed.
    async fn satisfy(
        &self,
        needs: Vec<Need>,
        resources: &mut Resources,
        round: usize,
        deadline: tokio::time::Instant,
    ) {
        let gets = needs.iter().map(|need| async {
            if round >= ROUNDS_MAX {
                return Err(format!("more than {ROUNDS_MAX} references lead to each other"));
            }
            let got = tokio::time::timeout_at(deadline, self.get(&need.uri)).await;
            got.unwrap_or_else(|_| Err("it took too long".to_owned()))
        });
        for (need, got) in needs.iter().zip(join_all(gets).await) {
            self.take(need, got, resources);
        }
    }

    /// Looks up what the registry says of task types.
    async fn look_up<T: TaskTypes>(
        &self,
        needs: &[Need],
        resources: &mut Resources,
        task_types: &T,
    ) -> Result<(), T::Error> {
        if needs.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = needs.iter().filter_map(Need::task_type).collect();
        let mut found = task_types.get(&names).await?;
        for need in needs {
            let got = need.task_type().and_then(|name| found.remove(name));
            self.take(need, got.ok_or_else(|| "it is not there any more".to_owned()), resources);
        }
        Ok(())
    }

    fn take(&self, need: &Need, got: Result<String, String>, resources: &mut Resources) {
        let left = self.rules.total_bytes_max.saturating_sub(resources.size_bytes());
        match got {
            Ok(text) if text.len() <= left => resources.put(&need.uri, text),
            Ok(_) => {
                let max = self.rules.total_bytes_max;
                resources.fail(&need.uri, format!("all together have more than {max} bytes"));
            }
            Err(why) => resources.fail(&need.uri, why),
        }
    }

    /// Gets what stands at `uri`.
    async fn get(&self, uri: &str) -> Result<String, String> {
        let url = Url::parse(uri).map_err(|error| error.to_string())?;
        let bytes = match url.scheme() {
            "file" if self.rules.files => self.read(&url).await?,
            "http" | "https" => self.request(url).await?,
            "file" => return Err("files are not read here".to_owned()),
            other => return Err(format!("`{other}` is not a scheme that is fetched")),
        };
        String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
    }

    async fn read(&self, url: &Url) -> Result<Vec<u8>, String> {
        use tokio::io::AsyncReadExt;
        let path = url.to_file_path().map_err(|()| "the URI names no file".to_owned())?;
        let file = tokio::fs::File::open(&path).await.map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        let most = self.rules.bytes_max as u64 + 1;
        file.take(most).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
        self.fits(bytes.len())?;
        Ok(bytes)
    }

    async fn request(&self, url: Url) -> Result<Vec<u8>, String> {
        check(&url, self.rules.allow).map_err(|error| error.to_string())?;
        let accept = "application/yaml, application/json, text/*;q=0.9, */*;q=0.5";
        let request = self.client.get(url).header(header::ACCEPT, accept);
        let mut answer = request.send().await.map_err(|error| chain(&error.without_url()))?;
        if !answer.status().is_success() {
            return Err(format!("the answer is {}", answer.status()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| chain(&error.without_url()))? {
            bytes.extend_from_slice(&chunk);
            self.fits(bytes.len())?;
        }
        Ok(bytes)
    }

    fn fits(&self, size: usize) -> Result<(), String> {
        let max = self.rules.bytes_max;
        if size > max { Err(format!("it has more than {max} bytes")) } else { Ok(()) }
    }
}

/// An error with its causes: who registers a definition has nothing else to find out by.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text.push_str(&format!(": {one}"));
        cause = one.source();
    }
    text
}
