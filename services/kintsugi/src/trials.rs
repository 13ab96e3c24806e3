//! What a gateway needs to start trials, where it may.

use std::path::Path;

use kintsugi_api_gateway::ChaosConfig;
use kintsugi_egress::Allow;
use serde::Serialize;

use crate::{Failure, settings::Settings};

/// Lets the gateway start trials, if that is on. `dev` is the data of `kintsugi dev`.
///
/// # Errors
///
/// When it is on and cannot be.
pub(crate) fn allow(settings: &mut Settings, dev: Option<&Path>) -> Result<(), Failure> {
    let chaos = &settings.chaos;
    // A wrong clock is for a process that is itself under trial.
    if !chaos.enabled || chaos.clock_offset_seconds != 0 {
        return Ok(());
    }
    let Some(folder) = chaos.folder.clone().or_else(|| dev.map(|data| data.join("chaos"))) else {
        return Err(Failure::plain(
            "chaos.enabled = true lets the gateway start trials, which are kept in a folder: set \
             chaos.folder",
        ));
    };
    let for_max = chaos.for_max;
    kintsugi_chaos::within(for_max)
        .map_err(|why| Failure::plain(format!("chaos.for_max makes no sense: {why}")))?;
    let program = std::env::current_exe()
        .map_err(|error| Failure::because("cannot find this program", error))?;
    let flags = flags(settings, dev.is_some());
    settings.gateway.chaos = Some(ChaosConfig { program, flags, folder, for_max });
    Ok(())
}

/// What holds for an engine under trial, too: which program its broker is, and that nobody gets further with a
/// trial than with this engine. It starts no processes for workflows, whatever `processes.allow` says: they would run
/// on the gateway's machine.
fn flags(settings: &Settings, is_dev: bool) -> Vec<String> {
    // In `kintsugi dev` who writes documents owns the machine.
    let usual = if is_dev { Allow::Any } else { Allow::default() };
    let resources = settings.gateway.resources.allow.unwrap_or(usual);
    let calls = settings.worker.http.allow.unwrap_or(usual);
    let mut set = vec![
        format!("gateway.resources.allow={}", named(&resources)),
        format!("worker.http.allow={}", named(&calls)),
    ];
    if let Some(program) = &settings.nats.server_binary {
        set.push(format!("nats.server_binary={}", program.display()));
    }
    set.into_iter().flat_map(|set| ["--set".to_owned(), set]).collect()
}

/// As it stands in a configuration.
fn named(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::default();
        settings.chaos.enabled = true;
        settings
    }

    #[test]
    fn trials_are_off_unless_enabled() {
        let mut settings = Settings::default();
        settings.chaos.folder = Some("/somewhere".into());
        allow(&mut settings, None).unwrap();
        assert!(settings.gateway.chaos.is_none());
    }

    #[test]
    fn a_gateway_needs_a_folder_and_dev_has_one() {
        let said = allow(&mut settings(), None).unwrap_err().what;
        assert!(said.contains("chaos.folder"), "{said}");
        let mut dev = settings();
        allow(&mut dev, Some(Path::new("/data"))).unwrap();
        let chaos = dev.gateway.chaos.unwrap();
        assert_eq!(chaos.folder, Path::new("/data/chaos"));
        assert!(chaos.flags.contains(&"worker.http.allow=any".to_owned()), "{:?}", chaos.flags);
        let mut short = settings();
        short.chaos.for_max = Duration::from_secs(1);
        assert!(allow(&mut short, Some(Path::new("/data"))).is_err());
    }

    #[test]
    fn an_engine_under_trial_reaches_no_further_than_this_one() {
        let mut settings = settings();
        settings.chaos.folder = Some("/somewhere".into());
        settings.processes.allow.insert(kintsugi_core::Ability::Shell);
        settings.database.url = Some(kintsugi_runtime::Secret::new("postgres://secret".to_owned()));
        allow(&mut settings, None).unwrap();
        let flags = settings.gateway.chaos.unwrap().flags.join(" ");
        assert!(flags.contains("gateway.resources.allow=public"), "{flags}");
        assert!(flags.contains("worker.http.allow=public"), "{flags}");
        assert!(!flags.contains("processes") && !flags.contains("secret"), "{flags}");
    }

    #[test]
    fn what_is_itself_under_trial_starts_none() {
        let mut settings = settings();
        settings.chaos.clock_offset_seconds = 5;
        allow(&mut settings, Some(Path::new("/data"))).unwrap();
        assert!(settings.gateway.chaos.is_none());
    }
}
