//! Dependencies point one way: `engine, schema ← runtime ← bridge ← python | node | kotlin`, and `runtime, schema ← cli`.

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::failure::{Doing as _, Outcome};
use crate::place::Place;

/// Who may depend on whom. Tests, benchmarks and this program stand outside the house and may look at all of it.
const ALLOWED: [(&str, &[&str]); 12] = [
    // What a user would write: it sees no more of us than they do.
    ("onceward-billing", &["onceward"]),
    // Data and arithmetic of the demo.
    ("onceward-flights", &[]),
    ("onceward-engine", &[]),
    ("onceward-schema", &[]),
    ("onceward", &["onceward-engine", "onceward-schema"]),
    ("onceward-bridge", &["onceward"]),
    ("onceward-python", &["onceward-bridge", "onceward-one-build"]),
    ("onceward-node", &["onceward-bridge", "onceward-one-build"]),
    ("onceward-kotlin", &["onceward-bridge", "onceward-one-build"]),
    // The generator of its other side: it reads the library, and is no part of it.
    ("onceward-kotlin-bindgen", &[]),
    ("onceward-cli", &["onceward", "onceward-schema", "onceward-flights", "onceward-one-build"]),
    // A list of features, and no code.
    ("onceward-one-build", &[]),
];
const OUTSIDE: [&str; 3] = ["onceward-tests", "onceward-benches", "xtask"];

/// Complains about other arrows, development dependencies aside.
pub(super) fn check(place: &Place, complaints: &mut Vec<String>) -> Outcome<String> {
    let metadata = MetadataCommand::new().current_dir(&place.root).no_deps().exec().doing("read the workspace with cargo metadata")?;
    let mut arrows = 0;
    for package in &metadata.packages {
        let name = package.name.as_str();
        let inside: Vec<_> = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.path.is_some() && dependency.kind != DependencyKind::Development)
            .map(|dependency| dependency.name.as_str())
            .collect();
        arrows += inside.len();
        complaints.extend(complaints_about(name, &inside));
    }
    Ok(format!("{} crates, {arrows} arrows", metadata.packages.len()))
}

fn complaints_about(name: &str, inside: &[&str]) -> Vec<String> {
    if OUTSIDE.contains(&name) {
        return Vec::new();
    }
    let Some((_, allowed)) = ALLOWED.iter().find(|(crate_name, _)| *crate_name == name) else {
        return vec![format!("crate {name}: nobody decided where it stands; add it to xtask/src/tidy/arrows.rs")];
    };
    let forbidden = inside.iter().filter(|dependency| !allowed.contains(dependency));
    forbidden.map(|dependency| format!("crate {name} must not depend on {dependency}: arrows point one way")).collect()
}

#[cfg(test)]
mod tests {
    use super::complaints_about;

    #[test]
    fn only_decided_arrows_pass() {
        assert!(complaints_about("onceward", &["onceward-engine"]).is_empty());
        assert!(complaints_about("onceward-tests", &["onceward", "onceward-engine"]).is_empty());
        assert_eq!(complaints_about("onceward-engine", &["onceward"]).len(), 1, "thinking must not depend on doing");
        assert_eq!(complaints_about("onceward-cli", &["onceward-engine"]).len(), 1, "only the runtime calls the engine");
        assert_eq!(complaints_about("onceward-new", &[]).len(), 1, "a new crate must be placed");
    }
}
