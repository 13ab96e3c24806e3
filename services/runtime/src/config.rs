//! Configuration: defaults, then a TOML file, then `KINTSUGI_` environment variables, then flags.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::Path,
};

use figment::{
    Figment, Metadata, Profile, Provider,
    error::Kind,
    providers::{Env, Format, Serialized, Toml},
    util::nest,
    value::{Dict, Map, Value},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::Secret;

/// Names with the prefix that are not settings: where the file is, and what tests are told.
const NOT_SETTINGS: [&str; 2] = ["config", "bin"];

/// Names with this beginning are secrets of workflows, and no settings either.
const SECRETS: &str = "secret_";

/// The secrets that the environment gives to workflows: the values of `KINTSUGI_SECRET_<NAME>`, by
/// `<NAME>`.
#[must_use]
pub fn secret_variables() -> BTreeMap<String, Secret> {
    let beginning = "KINTSUGI_SECRET_";
    std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?.strip_prefix(beginning)?.to_owned();
            Some((name, Secret::new(value.into_string().ok()?)))
        })
        .collect()
}

/// The names of all variables of the environment that say something to this program: settings and secrets, which
/// another engine that is started from here must not take for its own.
#[must_use]
pub fn own_variables() -> Vec<OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.to_string_lossy().starts_with("KINTSUGI_")).collect()
}

/// The configuration could not be read, or does not make sense.
#[derive(Debug, thiserror::Error)]
#[error("cannot load the configuration")]
pub struct ConfigError(#[source] Box<figment::Error>);

/// A configuration, and where each setting comes from.
#[derive(Clone, Debug)]
pub struct Loaded<C> {
    /// The configuration.
    pub value: C,
    /// Every setting by its path, e.g. `gateway.http`.
    pub settings: BTreeMap<String, Setting>,
}

/// One setting.
#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// What is in force; secrets are masked.
    pub value: String,
    /// `default`, a file, an environment variable or `flag`.
    pub source: String,
}

/// Loads `C`: what a later source sets wins. `KINTSUGI_RETRY_ENGINE__BATCH_MAX=5` sets `batch_max`
/// in the table `retry_engine`; `flags` are paths and values as on the command line.
///
/// # Errors
///
/// When `file` is named but cannot be read, or a value has the wrong type or an unknown name.
pub fn load<C: Default + Serialize + DeserializeOwned>(
    file: Option<&Path>,
    flags: &[(String, String)],
) -> Result<Loaded<C>, ConfigError> {
    let variables = Env::prefixed("KINTSUGI_")
        .ignore(&NOT_SETTINGS)
        .filter(|name| !name.starts_with(SECRETS))
        .split("__")
        .iter()
        .map(|(path, text)| (path.into_string().to_lowercase(), text))
        .collect::<Vec<_>>();
    load_from(file, &variables, flags)
}

/// What a variable or a flag says is a number, a list or a text by its looks. Whether a text is
/// wanted only the setting knows: then it is taken as it was written, so that a password may be
/// `0012`.
fn load_from<C: Default + Serialize + DeserializeOwned>(
    file: Option<&Path>,
    variables: &[(String, String)],
    flags: &[(String, String)],
) -> Result<Loaded<C>, ConfigError> {
    let mut texts = BTreeSet::new();
    loop {
        let mut figment = Figment::from(Serialized::defaults(C::default()));
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        for (source, given) in [("environment variable", variables), ("flag", flags)] {
            for (path, text) in given {
                let value = match text.parse() {
                    Ok(value) if !texts.contains(path) => value,
                    _ => Value::from(text.clone()),
                };
                figment = figment.merge(Given { source, path, value });
            }
        }
        let error = match figment.extract() {
            Ok(value) => {
                let settings = settings(&figment, &value, flags);
                return Ok(Loaded { value, settings });
            }
            Err(error) => error,
        };
        let path = error.path.join(".");
        let is_given = variables.iter().chain(flags).any(|(given, _)| *given == path);
        if !(is_given && wants_text(&error) && texts.insert(path)) {
            return Err(ConfigError(error.into()));
        }
    }
}

fn wants_text(error: &figment::Error) -> bool {
    matches!(&error.kind, Kind::InvalidType(_, wanted) if wanted.ends_with("string"))
}

/// A setting that a variable or a flag gives.
struct Given<'g> {
    source: &'static str,
    path: &'g str,
    value: Value,
}

impl Provider for Given<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = nest(self.path, self.value.clone()).into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(dict))
    }
}

/// Values come from the typed configuration, which masks its secrets; sources from figment.
fn settings<C: Serialize>(
    figment: &Figment,
    value: &C,
    flags: &[(String, String)],
) -> BTreeMap<String, Setting> {
    let mut settings = BTreeMap::new();
    let typed = Value::serialize(value).ok().and_then(Value::into_dict).unwrap_or_default();
    flatten("", &typed, &mut |path, value| {
        let source = if flags.iter().any(|(flag, _)| *flag == path) {
            "flag".to_owned()
        } else {
            source(figment, &path)
        };
        settings.insert(path, Setting { value, source });
    });
    settings
}

fn source(figment: &Figment, path: &str) -> String {
    let Some(metadata) = figment.find_metadata(path) else { return "default".to_owned() };
    if metadata.name.contains("environment") {
        return format!("KINTSUGI_{}", path.replace('.', "__").to_uppercase());
    }
    match metadata.source.as_ref().and_then(|source| source.file_path()) {
        Some(file) => file.display().to_string(),
        None => "default".to_owned(),
    }
}

fn flatten(prefix: &str, dict: &Dict, found: &mut impl FnMut(String, String)) {
    for (key, value) in dict {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Dict(_, inner) => flatten(&path, inner, found),
            other => {
                let text = serde_json::to_string(other).unwrap_or_default();
                found(path, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Config {
        part: Part,
    }

    #[derive(Clone, Debug, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Part {
        size: u32,
        token: Option<Secret>,
    }

    #[test]
    fn a_flag_wins_and_an_unknown_name_is_refused() {
        let flag = |path: &str, value: &str| vec![(path.to_owned(), value.to_owned())];
        let loaded = load::<Config>(None, &flag("part.size", "7")).unwrap();
        assert_eq!(loaded.value.part.size, 7);
        assert_eq!(loaded.settings["part.size"].source, "flag");
        assert!(load::<Config>(None, &flag("part.sise", "7")).is_err());
    }

    #[test]
    fn a_text_is_taken_as_it_was_written() {
        let path = "part.token".to_owned();
        for text in ["12345", "0012", "1.50", "1e9", "true", "[a, b]", "-7", "{a=1}", "a b"] {
            let given = vec![(path.clone(), text.to_owned()), ("part.size".into(), "7".into())];
            for (variables, flags) in [(&given[..], &[][..]), (&[], &given)] {
                let loaded = load_from::<Config>(None, variables, flags).unwrap();
                assert_eq!(loaded.value.part.token.as_ref().unwrap().expose(), text);
                assert_eq!(loaded.value.part.size, 7);
                let source = &loaded.settings[&path].source;
                assert!(["KINTSUGI_PART__TOKEN", "flag"].contains(&source.as_str()), "{source}");
            }
        }
        let size = [("part.size".to_owned(), "many".to_owned())];
        assert!(load_from::<Config>(None, &size, &[]).is_err());
        let unknown = [("part.sise".to_owned(), "7".to_owned())];
        assert!(load_from::<Config>(None, &unknown, &[]).is_err());
    }

    #[test]
    fn a_secret_is_masked() {
        let flags = vec![("part.token".to_owned(), "hush".to_owned())];
        let loaded = load::<Config>(None, &flags).unwrap();
        assert_eq!(loaded.value.part.token.as_ref().unwrap().expose(), "hush");
        assert_eq!(loaded.settings["part.token"].value, "\"***\"");
    }
}
