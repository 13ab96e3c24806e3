//! Secrets: where they come from, and who may have them.

use std::{collections::BTreeMap, fmt, io::Read, path::Path};

use kintsugi_worker::Failure;
use serde_json::{Map, Value};

use crate::SecretsConfig;

/// Bytes of one secret's file.
const FILE_MAX: u64 = 64 << 10;

/// Secrets by name. Shown as their number only.
#[derive(Clone)]
pub struct Secrets {
    /// By name as in `KINTSUGI_SECRET_<NAME>`.
    environment: BTreeMap<String, String>,
    config: SecretsConfig,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} from the environment)", self.environment.len())
    }
}

impl Secrets {
    /// Secrets from the environment (by the name after `KINTSUGI_SECRET_`) and from files.
    #[must_use]
    pub fn new(environment: BTreeMap<String, String>, config: SecretsConfig) -> Self {
        let environment =
            environment.into_iter().map(|(name, value)| (as_variable(&name), value)).collect();
        Self { environment, config }
    }

    /// The secret `name`, for a workflow of `namespace`.
    pub(crate) fn get(&self, name: &str, namespace: &str) -> Result<Value, Failure> {
        let refused = |why: &str| {
            let message = format!("the secret `{name}` {why}");
            Failure::fatal(message).kind("authorization").status(403)
        };
        if let Some(allowed) = self.config.namespaces.get(name)
            && !allowed.iter().any(|one| one == namespace)
        {
            let why = format!("is not for workflows of the namespace `{namespace}`");
            return Err(refused(&why));
        }
        if let Some(text) = self.environment.get(&as_variable(name)) {
            return Ok(read(text));
        }
        // A name with a slash or a leading dot could leave the folder.
        let fits = !name.is_empty()
            && !name.starts_with('.')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        let found = self.config.directory.as_deref().filter(|_| fits);
        match found.map(|folder| from_files(&folder.join(name))) {
            Some(Ok(Some(value))) => Ok(value),
            // What exactly cannot be read is the operator's business.
            Some(Err(_)) => Err(refused("cannot be read").kind("configuration").status(500)),
            Some(Ok(None)) | None => Err(refused("is not configured with the worker")),
        }
    }
}

/// A name as it stands in a variable: upper case, with `_` for what is not a letter or digit.
fn as_variable(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect()
}

/// A secret of one text, or of several keys as a JSON object.
fn read(text: &str) -> Value {
    let text = text.strip_suffix('\n').unwrap_or(text);
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => object,
        _ => Value::String(text.to_owned()),
    }
}

fn from_files(path: &Path) -> std::io::Result<Option<Value>> {
    if !path.exists() {
        return Ok(None);
    }
    if !path.is_dir() {
        return file(path).map(|text| Some(read(&text)));
    }
    let mut keys = Map::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Kubernetes keeps its own bookkeeping in names that begin with two dots.
        if !name.starts_with('.') && entry.path().is_file() {
            let text = file(&entry.path())?;
            let text = text.strip_suffix('\n').unwrap_or(&text);
            keys.insert(name, Value::String(text.to_owned()));
        }
    }
    Ok(Some(Value::Object(keys)))
}

fn file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let size = std::fs::File::open(path)?.take(FILE_MAX + 1).read_to_string(&mut text)?;
    if size as u64 > FILE_MAX {
        return Err(std::io::Error::other("a secret is too long"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_comes_from_the_environment_a_file_or_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plain"), "from a file\n").unwrap();
        std::fs::write(folder.path().join("object"), r#"{"username": "u"}"#).unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        std::fs::write(folder.path().join("keys/username"), "admin\n").unwrap();
        std::fs::write(folder.path().join("keys/..data"), "no").unwrap();
        let config = SecretsConfig {
            directory: Some(folder.path().to_owned()),
            namespaces: BTreeMap::from([("plain".to_owned(), vec!["payments".to_owned()])]),
        };
        let environment = BTreeMap::from([("MY_TOKEN".to_owned(), "t0ken".to_owned())]);
        let secrets = Secrets::new(environment, config);
        assert_eq!(secrets.get("my-token", "a").unwrap(), json!("t0ken"));
        assert_eq!(secrets.get("plain", "payments").unwrap(), json!("from a file"));
        assert_eq!(secrets.get("object", "a").unwrap(), json!({"username": "u"}));
        assert_eq!(secrets.get("keys", "a").unwrap(), json!({"username": "admin"}));
        for (name, namespace) in
            [("plain", "a"), ("missing", "a"), ("../etc/passwd", "a"), ("", "a")]
        {
            let failure = secrets.get(name, namespace).unwrap_err().into_fault();
            assert_eq!(failure.kind.as_deref(), Some("authorization"), "{name}");
            assert_eq!((failure.fatal, failure.status), (true, Some(403)), "{name}");
        }
        assert!(!format!("{secrets:?}").contains("t0ken"));
    }
}
