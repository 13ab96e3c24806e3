//! Configuration: defaults, then a TOML file, then `KINTSUGI_` environment variables, then flags.

use std::{collections::BTreeMap, path::Path};

use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
    value::{Dict, Value},
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
    let mut figment = Figment::from(Serialized::defaults(C::default()));
    if let Some(file) = file {
        figment = figment.merge(Toml::file_exact(file));
    }
    let variables = Env::prefixed("KINTSUGI_")
        .ignore(&NOT_SETTINGS)
        .filter(|name| !name.starts_with(SECRETS))
        .split("__");
    figment = figment.merge(variables);
    for (path, value) in flags {
        let value: Value = value.parse().unwrap_or_else(|_| Value::from(value.clone()));
        figment = figment.merge(Serialized::default(path, value));
    }
    let value: C = figment.extract().map_err(|error| ConfigError(error.into()))?;
    let settings = settings(&figment, &value, flags);
    Ok(Loaded { value, settings })
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
    fn a_secret_is_masked() {
        let flags = vec![("part.token".to_owned(), "hush".to_owned())];
        let loaded = load::<Config>(None, &flags).unwrap();
        assert_eq!(loaded.value.part.token.as_ref().unwrap().expose(), "hush");
        assert_eq!(loaded.settings["part.token"].value, "\"***\"");
    }
}
