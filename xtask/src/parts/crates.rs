//! Crates that end up in the machine code: what is only needed to build is not shipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, Package, PackageId, TargetKind};

use super::Part;
use crate::failure::{Doing as _, Failure, Outcome};
use crate::place::Place;

/// The platform whose crates are listed.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Where the source of a crate lies, and its version: for C code that it carries.
pub(super) type Sources = BTreeMap<String, (PathBuf, String)>;

/// The crates of others below these, and where every crate of the workspace has its source.
pub(super) fn linked(place: &Place, roots: &[&str]) -> Outcome<(Vec<Part>, Sources)> {
    let mut command = MetadataCommand::new();
    command.current_dir(&place.root).features(CargoOpt::AllFeatures);
    command.other_options(["--locked".to_owned(), "--filter-platform".to_owned(), PLATFORM.to_owned()]);
    let metadata = command.exec().doing("read the dependencies with cargo metadata")?;
    let mut open: Vec<PackageId> = Vec::new();
    for root in roots {
        let package = metadata.packages.iter().find(|package| package.name.as_str() == *root);
        open.push(package.ok_or_else(|| Failure::new(format!("there is no crate {root}")))?.id.clone());
    }
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if found.insert(id.clone()) {
            open.extend(below(&metadata, &id));
        }
    }
    let mut parts = Vec::new();
    for package in metadata.packages.iter().filter(|package| package.source.is_some() && found.contains(&package.id)) {
        parts.push(part(package)?);
    }
    let folder = |package: &Package| package.manifest_path.parent().map(PathBuf::from).unwrap_or_default();
    let sources = metadata.packages.iter().map(|package| (package.name.to_string(), (folder(package), package.version.to_string())));
    Ok((parts, sources.collect()))
}

fn below(metadata: &Metadata, id: &PackageId) -> Vec<PackageId> {
    let nodes = metadata.resolve.as_ref().map(|resolve| resolve.nodes.as_slice()).unwrap_or_default();
    let Some(node) = nodes.iter().find(|node| node.id == *id) else { return Vec::new() };
    let linked = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
    linked.map(|dep| dep.pkg.clone()).filter(|id| !is_macro(metadata, id)).collect()
}

/// A macro runs in the compiler.
fn is_macro(metadata: &Metadata, id: &PackageId) -> bool {
    let package = metadata.packages.iter().find(|package| package.id == *id);
    package.is_some_and(|package| package.targets.iter().any(|target| target.kind.contains(&TargetKind::ProcMacro)))
}

fn part(package: &Package) -> Outcome<Part> {
    let folder = package.manifest_path.parent().map(PathBuf::from).unwrap_or_default();
    Ok(Part {
        name: package.name.to_string(),
        version: Some(package.version.to_string()),
        licence: package.license.clone().unwrap_or_else(|| "see its text".to_owned()).replace('/', " OR "),
        purl: Some(format!("pkg:cargo/{}@{}", package.name, package.version).replace('+', "%2B")),
        texts: texts(&folder)?,
        said: None,
    })
}

/// Files with the text of a licence.
pub(super) fn texts(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let files = fs::read_dir(folder).doing(format_args!("look for licences in {}", folder.display()))?;
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        path.is_file() && ["LICEN", "COPYING", "NOTICE", "UNLICENSE", "COPYRIGHT"].iter().any(|start| name.starts_with(start))
    };
    let mut files: Vec<PathBuf> = files.filter_map(Result::ok).map(|file| file.path()).filter(wanted).collect();
    files.sort();
    Ok(files)
}
