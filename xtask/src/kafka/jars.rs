//! The broker's jars, and what else Maven brings, once per user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Doing as _, Failure, Outcome};
use crate::place::Place;
use crate::process;

/// The folder with the jars; fetched when it is not there.
pub(crate) fn fetch(place: &Place) -> Outcome<PathBuf> {
    fetch_by(place, &place.root.join("tests/broker/pom.xml"), "kafka", |_| Ok(()))
}

/// The folder with what a pom lists, made ready to be used; fetched when it is not there.
pub(crate) fn fetch_by(place: &Place, pom: &Path, name: &str, prepare: impl Fn(&Path) -> Outcome<()>) -> Outcome<PathBuf> {
    let text = fs::read_to_string(pom).doing(format_args!("read {}", pom.display()))?;
    let version = version(&text).ok_or_else(|| Failure::new(format!("{} names no project version", pom.display())))?;
    let folder = place.cache.join(format!("{name}-{version}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    eprintln!("   fetching {name} {version} through Maven, once per machine");
    // Into a neighbour first: an interrupted download must not look like a complete one.
    let partial = place.cache.join(format!("{name}-{version}.partial-{}", std::process::id()));
    fs::create_dir_all(&partial).doing(format_args!("create {}", partial.display()))?;
    copy_dependencies(pom, &partial)?;
    prepare(&partial)?;
    match fs::rename(&partial, &folder) {
        // Another clone of the same user was faster: its jars are as good.
        Err(_) if folder.is_dir() => fs::remove_dir_all(&partial).doing(format_args!("remove {}", partial.display()))?,
        moved => moved.doing(format_args!("move the jars to {}", folder.display()))?,
    }
    Ok(folder)
}

fn copy_dependencies(pom: &Path, into: &Path) -> Outcome<()> {
    let mut maven = Command::new("mvn");
    maven.args(["-B", "-q", "-f"]).arg(pom).arg("dependency:copy-dependencies").arg(format!("-DoutputDirectory={}", into.display()));
    process::quiet(&mut maven).map(drop)
}

/// The first `<version>` below `<project>`: the project's own, which names the broker's too.
fn version(pom: &str) -> Option<&str> {
    let (_, rest) = pom.split_once("<version>")?;
    rest.split_once("</version>").map(|(version, _)| version.trim())
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_projects_own_version_is_found() {
        assert_eq!(version("<project><version>4.1.0</version><dependency><version>1</version>"), Some("4.1.0"));
        assert_eq!(version("<project/>"), None);
    }
}
