//! What can be set for calls.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use kintsugi_egress::Allow;
use serde::{Deserialize, Serialize};

/// Settings in the table `[worker.http]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Which addresses may be called: `public`, or `any` with loopback, private and link-local
    /// ones. Default: `public`; in `kintsugi dev` `any`, since there the workflows' author owns the
    /// machine.
    pub allow: Option<Allow>,
    /// A file of certificates (PEM) of authorities that are trusted besides the public ones, for
    /// services inside. Default: none.
    pub ca: Option<PathBuf>,
    /// The longest that one call may take; a shorter limit of the task counts first. Default: `30s`.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// The longest that connecting may take. Default: `5s`.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Bytes of a response's body; a longer one is a fatal failure. Default: 1 MiB.
    pub body_max: usize,
    /// How many redirects are followed where a call allows them. Default: 10.
    pub redirects_max: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            allow: None,
            ca: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            body_max: 1 << 20,
            redirects_max: 10,
        }
    }
}

impl HttpConfig {
    /// Which addresses may be called.
    #[must_use]
    pub fn allowed(&self) -> Allow {
        self.allow.unwrap_or_default()
    }
}

/// Settings in the table `[worker.secrets]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsConfig {
    /// A folder with a file for each secret, or a folder of files for a secret of several keys, as
    /// Docker and Kubernetes mount them. Read whenever a task needs one, so that a secret can be
    /// changed. Besides, `KINTSUGI_SECRET_<NAME>` gives the secret of that name. Default: none.
    pub directory: Option<PathBuf>,
    /// Which namespaces' workflows may use a secret, by the secret's name. A secret that is not
    /// named here is for all. Default: none.
    pub namespaces: BTreeMap<String, Vec<String>>,
}
