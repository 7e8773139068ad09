//! Tools that cargo can build for us.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::Outcome;
use crate::place::Place;
use crate::process;

const DENY: &str = "0.20.2";

/// cargo-deny, built once per user. Unoptimised and without its advisory fetcher: that takes 40 seconds on two cores instead of minutes, and
/// the checks that we ask of it (bans, licences, sources) work from the lock file and the crates themselves.
pub(crate) fn cargo_deny(place: &Place) -> Outcome<PathBuf> {
    let root = place.cache.join("tools").join(format!("cargo-deny-{DENY}"));
    let program = root.join("bin/cargo-deny");
    if process::succeeds(Command::new(&program).arg("--version")) {
        return Ok(program);
    }
    eprintln!("   building cargo-deny {DENY}, once per machine");
    process::quiet(
        Command::new("cargo")
            // Outside the project, so that neither its toolchain pin nor its lints reach a stranger's crate.
            .current_dir(std::env::temp_dir())
            .env_remove("CARGO_TARGET_DIR")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .args(["install", "--locked", "--debug", "--no-default-features", "--quiet", "--root"])
            .arg(&root)
            .arg(format!("cargo-deny@{DENY}")),
    )?;
    Ok(program)
}

/// Bans, licences and sources. Advisories are not among them: they need a clone of a git repository, and a check that passes because the
/// network was away would be worse than none; see CONTRIBUTING.md.
pub(crate) fn deny(place: &Place) -> Outcome<String> {
    let program = cargo_deny(place)?;
    process::quiet(Command::new(program).current_dir(&place.root).args(["--log-level", "error", "check", "bans", "licenses", "sources"]))?;
    Ok("bans, licences, sources".to_owned())
}
