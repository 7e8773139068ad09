//! The npm packages: built and packed as users get them, installed in an empty folder, and tested there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use super::report::Report;
use super::suite::Tally;
use crate::failure::{Doing as _, Failure, Outcome};
use crate::place::Place;
use crate::{parts, process};

/// The package that holds the library for this machine.
const PLATFORM: &str = "npm/linux-x64-gnu";

/// Builds and packs both packages, with the profile and the target folder of everything else: the C code is not compiled again.
pub(crate) fn packages(place: &Place, profile: &str) -> Outcome<String> {
    let node = place.root.join("node");
    let platform = node.join(PLATFORM);
    let built = place.target.join(profile);
    for package in ["onceward-node", "onceward-cli"] {
        process::quiet(cargo(place).args(["build", "--quiet", "--profile", profile, "--locked", "-p", package]))?;
    }
    fs::create_dir_all(platform.join("bin")).doing("make the folder of the command")?;
    for (from, to) in [("libonceward_node.so", "onceward.node"), ("onceward", "bin/onceward")] {
        // Without the symbols that only debuggers read.
        process::quiet(Command::new("strip").arg("-o").arg(platform.join(to)).arg(built.join(from)))?;
    }
    // What is inside is in the package that holds it: licences ask for their texts beside the machine code.
    let (texts, sbom) = (platform.join("LICENSE-third-party.txt"), platform.join("onceward.cdx.json"));
    parts::write(place, &["onceward-node", "onceward-cli"], &texts, &sbom)?;
    fs::copy(place.root.join("LICENSE"), platform.join("LICENSE")).doing("copy the licence")?;
    install(&node.join("tools"))?;
    process::quiet(npm(&node).args(["run", "--silent", "build"]))?;
    let out = packs(place);
    if out.exists() {
        fs::remove_dir_all(&out).doing("remove the packages of the last run")?;
    }
    fs::create_dir_all(&out).doing("make the folder of the packages")?;
    for package in [".".to_owned(), format!("./{PLATFORM}")] {
        process::quiet(npm(&node).args(["pack", "--silent", &package, "--pack-destination"]).arg(&out))?;
    }
    let sizes = packed(place)?.into_iter().map(|file| {
        let size = fs::metadata(&file).map_or(0, |data| data.len() / 1024);
        format!("{}, {size} KiB", file.file_name().unwrap_or_default().to_string_lossy())
    });
    Ok(sizes.collect::<Vec<_>>().join("; "))
}

/// What a machine can say of the packages without running them: types, settings, and whether they load everywhere as they claim.
pub(crate) fn checks(place: &Place) -> Outcome<String> {
    let node = place.root.join("node");
    process::quiet(Command::new("node").current_dir(&node).args(["tools/settings.mjs", "--check"]))?;
    process::quiet(Command::new("node").current_dir(&node).args(["tools/library.mjs", "--check"]).arg(place.target.join("ci")))?;
    let app = installed(place, "app")?;
    // As Node's own resolution finds them, imported and required, and as bundlers do.
    for project in ["node/test/types", "node/test/types/bundled.json"] {
        process::quiet(npm(&app).args(["exec", "--", "tsc", "-p", project]))?;
    }
    for package in packed(place)? {
        process::quiet(npm(&app).args(["exec", "--", "publint", "--strict"]).arg(&package))?;
    }
    Ok("settings and the library as types, types as people write them, and what the packages export".to_owned())
}

/// All tests, and the conformance cases, against the packages that were packed.
pub(crate) fn tests(place: &Place, environment: &[(&'static str, String)], filters: &[String]) -> Outcome<Tally> {
    let app = installed(place, "app")?;
    let mut command = Command::new("node");
    command.current_dir(&app).args(["--test", "--test-reporter=tap", "--expose-gc"]);
    for filter in filters {
        command.args(["--test-name-pattern", filter]);
    }
    command.args(["node/test/", "tests/conformance/node/"]);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let output = command.stdin(Stdio::null()).output().doing("start node")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut tally = Tally::default();
    tally.read_tap(&said, output.status.success());
    // Of tests that measure, what they found.
    let found = |line: &&str| tally.failed > 0 || line.trim_start().starts_with("# after ") || line.contains("MiB per million");
    said.lines().filter(found).for_each(|line| println!("   {line}"));
    Ok(tally)
}

/// Only this: with the broker of `ONCEWARD_TEST_BROKERS`, or without one. Long tests are as long as it takes a leak to show itself.
pub(crate) fn only(place: &Place, filters: &[String], long: bool) -> ExitCode {
    let mut report = Report::default();
    if report.step("the npm packages", || packages(place, "ci")) {
        if filters.is_empty() {
            report.step("checks of the npm packages", || checks(place));
        }
        let environment = Vec::from_iter(long.then(|| ("ONCEWARD_TEST_LONG", "1".to_owned())));
        report.suite("tests of the npm packages", || tests(place, &environment, filters));
    }
    report.close()
}

/// A folder with the packages as people get them, and what they are measured against. The next `cargo xtask test` builds its own again.
pub(crate) fn for_benchmarks(place: &Place, crossing: bool) -> Outcome<Command> {
    eprintln!("   {}", packages(place, "release")?);
    let folder = installed(place, "bench")?;
    let mut command = Command::new("node");
    if crossing {
        command.arg(folder.join("benches/crossing/node/crossing.mjs"));
        return Ok(command);
    }
    // It is compiled where it is installed, and what it is for is one row.
    if let Err(why) = install(&folder.join("benches/node")) {
        eprintln!("   better-sqlite3 can't be installed, so its row is left out: {why}");
    }
    command.arg(folder.join("benches/node/rows.mjs"));
    Ok(command)
}

/// A fresh folder that holds both packages and copies of what is run there: nothing of this tree is in reach.
fn installed(place: &Place, name: &str) -> Outcome<PathBuf> {
    let folder = place.target.join("node").join(name);
    fs::create_dir_all(&folder).doing("make a folder for the packages")?;
    for copied in ["node/test", "tests/conformance", "benches/node", "benches/crossing/node", "examples/node", "node/README.md"] {
        replace(&place.root.join(copied), &folder.join(copied))?;
    }
    for file in ["package.json", "package-lock.json"] {
        fs::copy(place.root.join("node/test").join(file), folder.join(file)).doing("copy what tests need")?;
    }
    install(&folder)?;
    // The tarballs have no place in a lock file: their content differs from build to build.
    let mut npm = npm(&folder);
    process::quiet(
        npm.args(["install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]).args(packed(place)?),
    )?;
    Ok(folder)
}

/// What the lock file names, and nothing else.
fn install(folder: &Path) -> Outcome<()> {
    process::quiet(npm(folder).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])).map(drop)
}

fn replace(from: &Path, to: &Path) -> Outcome<()> {
    if to.is_dir() {
        fs::remove_dir_all(to).doing("remove what the last run copied")?;
    }
    if !from.exists() {
        return Ok(());
    }
    fs::create_dir_all(to.parent().unwrap_or(to)).doing("make a folder for copies")?;
    process::quiet(Command::new("cp").arg("-r").arg(from).arg(to)).map(drop)
}

fn packs(place: &Place) -> PathBuf {
    place.target.join("node/packs")
}

fn packed(place: &Place) -> Outcome<Vec<PathBuf>> {
    let folder = packs(place);
    let files = fs::read_dir(&folder).doing("look for the packages")?.filter_map(Result::ok).map(|file| file.path());
    let found: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "tgz")).collect();
    if found.len() == 2 { Ok(found) } else { Err(Failure::new(format!("there should be two packages in {}", folder.display()))) }
}

fn npm(folder: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder);
    command
}

fn cargo(place: &Place) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(&place.root);
    command
}
