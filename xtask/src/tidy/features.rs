//! What is built alone is compiled once: its dependencies have the features that they have when the whole workspace is built.

use std::collections::BTreeSet;
use std::process::Command;

use crate::failure::Outcome;
use crate::place::Place;
use crate::process;

/// What `cargo xtask test` builds by itself after the workspace: for the packages of each language.
const ALONE: [&str; 4] = ["onceward-cli", "onceward-node", "onceward-python", "onceward-kotlin"];
/// Differ on purpose: the generator's features belong in no library.
const EXCEPT: [&str; 1] = ["uniffi"];

/// Complains about dependencies that would be compiled a second time, with all that stands on them.
pub(super) fn check(place: &Place, complaints: &mut Vec<String>) -> Outcome<()> {
    let whole = tree(place, &["--workspace", "--edges", "normal,build,dev"])?;
    for package in ALONE {
        let alone = tree(place, &["--package", package, "--edges", "normal,build"])?;
        complaints.extend(strangers(&whole, &alone).map(|other| {
            format!("{package} alone has {other}, the workspace has it with other features: add them to xtask/one-build/Cargo.toml")
        }));
    }
    Ok(())
}

/// Each dependency with its features, by this machine's kind.
fn tree(place: &Place, which: &[&str]) -> Outcome<BTreeSet<String>> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&place.root).args(["tree", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p} [{f}]"]).args(which);
    let said = process::quiet(&mut cargo)?;
    Ok(String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect())
}

fn strangers<'a>(whole: &'a BTreeSet<String>, alone: &'a BTreeSet<String>) -> impl Iterator<Item = &'a String> {
    alone.difference(whole).filter(|line| !EXCEPT.contains(&line.split(' ').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::strangers;

    #[test]
    fn a_dependency_with_fewer_features_is_a_stranger() {
        let set = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let whole = set(&["memchr v2.8.3 [alloc,default,std]", "uniffi v0.32.2 [cli]", "libc v0.2.1 []"]);
        let alone = set(&["memchr v2.8.3 [alloc,std]", "uniffi v0.32.2 []", "libc v0.2.1 []"]);
        let found: Vec<_> = strangers(&whole, &alone).collect();
        assert_eq!(found, ["memchr v2.8.3 [alloc,std]"]);
    }
}
