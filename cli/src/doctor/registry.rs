//! The schema registry, and the schemas in files, if the configuration has any.

use onceward::config::Settings;

use super::finding::{Diagnosis, Finding};

const CHECK: &str = "registry";

pub(super) fn examine(settings: &Settings, diagnosis: &mut Diagnosis) {
    let Some(written) = &settings.registry else { return };
    let registry = match written.connect() {
        Ok(registry) => registry,
        Err(error) => {
            let cure = "set the variable, or mend the file, that registry.password or registry.token refers to";
            return diagnosis.add(Finding::fail(CHECK, "registry", error.to_string(), cure));
        }
    };
    diagnosis.add(match registry.default_level() {
        Ok(level) => {
            Finding::ok(CHECK, registry.url(), format!("answers; the level of its subjects is {}, unless they have one", level.name()))
        }
        Err(error) => {
            let cure = "look at its address, path and credentials; topics that need it are paused until it answers";
            Finding::fail(CHECK, registry.url(), error.text, cure)
        }
    });
}
