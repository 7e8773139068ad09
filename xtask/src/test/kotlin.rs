//! The Maven modules: the native library, the Kotlin side of its border, the jars as users get them, and their tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use super::report::Report;
use super::suite::Tally;
use crate::failure::{Doing as _, Outcome};
use crate::place::Place;
use crate::{kafka, parts, process};

/// Where the jar has the library for this machine.
const NATIVE: &str = "native/dev/onceward/native/linux-x86-64";

/// With it in the environment, tests are as long as it takes a leak to show itself.
const LONG: &str = "ONCEWARD_TEST_LONG";

/// Builds the library with the profile and the target folder of everything else, and the jars around it.
pub(crate) fn jars(place: &Place, profile: &str) -> Outcome<String> {
    process::quiet(Command::new("node").current_dir(&place.root).args(["kotlin/tools/settings.mjs", "--check"]))?;
    let folder = folder(place);
    let (generated, native) = (folder.join("generated"), folder.join(NATIVE));
    // What a former version generated must not be compiled into this one, nor an example built against it.
    for stale in [&generated, &folder.join("native"), &local(place).join("dev/onceward")] {
        if stale.exists() {
            fs::remove_dir_all(stale).doing("remove what the last run made")?;
        }
    }
    fs::create_dir_all(&native).doing("make the folder of the library")?;
    for package in ["onceward-kotlin", "onceward-kotlin-bindgen"] {
        let mut cargo = Command::new("cargo");
        process::quiet(cargo.current_dir(&place.root).args(["build", "--quiet", "--profile", profile, "--locked", "-p", package]))?;
    }
    let built = place.target.join(profile);
    let library = built.join("libonceward_kotlin.so");
    let mut bindgen = Command::new(built.join("onceward-kotlin-bindgen"));
    bindgen.current_dir(&place.root).args(["generate", "--language", "kotlin", "--no-format", "--config", "bindings/kotlin/uniffi.toml"]);
    process::quiet(bindgen.arg("--out-dir").arg(&generated).arg(&library))?;
    // Without the symbols that only debuggers read.
    process::quiet(Command::new("strip").arg("-o").arg(native.join("libonceward_kotlin.so")).arg(&library))?;
    // Licences ask for their texts beside the machine code.
    let texts = folder.join("native/META-INF");
    fs::create_dir_all(&texts).doing("make the folder of licences")?;
    parts::write(place, &["onceward-kotlin"], &texts.join("LICENSE-third-party.txt"), &texts.join("onceward.cdx.json"))?;
    fs::copy(place.root.join("LICENSE"), texts.join("LICENSE")).doing("copy the licence")?;
    process::quiet(maven(place, "kotlin/pom.xml").args(["-q", "-DskipTests", "install"]))?;
    let jar = folder.join("modules/onceward/onceward-0.1.0.jar");
    let size = fs::metadata(&jar).doing("look for the jar")?.len() / 1024;
    Ok(format!("{}, {size} KiB", jar.file_name().unwrap_or_default().to_string_lossy()))
}

/// All tests and the conformance cases, against the jars that were installed.
pub(crate) fn tests(place: &Place, environment: &[(&'static str, String)], filters: &[String]) -> Outcome<Tally> {
    let mut command = maven(place, "kotlin/tests/pom.xml");
    command.arg("test").envs(environment.iter().map(|(name, value)| (name, value)));
    if environment.iter().any(|(name, _)| *name == LONG) {
        command.arg("-Dpatience=3600");
    }
    if !filters.is_empty() {
        let classes = filters.iter().map(|filter| format!("*{filter}*")).collect::<Vec<_>>().join(",");
        command.arg(format!("-Dtest={classes}")).arg("-Dsurefire.failIfNoSpecifiedTests=false");
    }
    let output = command.stdin(Stdio::null()).output().doing("start Maven")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut tally = Tally::default();
    tally.read_surefire(&said, output.status.success());
    if tally.failed > 0 {
        said.lines().for_each(|line| println!("   {line}"));
    }
    Ok(tally)
}

/// The services of `examples/`, built against the jars as somebody's own projects, on the usual JDK and on a later one.
pub(crate) fn examples(place: &Place, environment: &[(&'static str, String)]) -> Outcome<String> {
    let jdks = jdks();
    let services = jdks.iter().flat_map(|jdk| [("kotlin", jdk), ("java", jdk)]).chain([("spring", &None)]);
    for (service, jdk) in services {
        let mut command = maven(place, &format!("examples/{service}/pom.xml"));
        if let Some(home) = jdk {
            command.env("JAVA_HOME", home);
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.arg(format!("-Dbuild={}", folder(place).join("examples").join(service).display()));
        process::quiet(command.args(["-q", "test"]))?;
    }
    Ok(format!("a service in Kotlin and one in Java on {} JDKs, one with Spring Boot", jdks.len()))
}

/// The usual one, and the newest of those that Debian keeps beside it.
fn jdks() -> Vec<Option<PathBuf>> {
    let version = |home: &Path| {
        let release = fs::read_to_string(home.join("release")).ok()?;
        let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION=\""))?;
        version.split(['.', '"']).next()?.parse::<u32>().ok()
    };
    let homes = fs::read_dir("/usr/lib/jvm").into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let newest = homes.filter(|home| home.join("bin/javac").is_file()).filter_map(|home| Some((version(&home)?, home))).max();
    std::iter::once(None).chain(newest.filter(|(version, _)| *version > 17).map(|(_, home)| Some(home))).collect()
}

/// Only this: with the broker of `ONCEWARD_TEST_BROKERS`, or with ours. Long tests are as long as it takes a leak to show itself.
pub(crate) fn only(place: &Place, filters: &[String], long: bool) -> Outcome<ExitCode> {
    let mut report = Report::default();
    if report.step("the Maven modules", || jars(place, "ci")) {
        let mut environment = match std::env::var_os("ONCEWARD_TEST_BROKERS") {
            Some(_) => Vec::new(),
            None => kafka::environment(place, &kafka::start(place, kafka::SHARED, false)?)?,
        };
        environment.extend(long.then(|| (LONG, "1".to_owned())));
        report.suite("tests of the Maven modules", || tests(place, &environment, filters));
        if filters.is_empty() {
            report.step("services against the installed jars", || examples(place, &environment));
        }
    }
    Ok(report.close())
}

/// A JVM with the jars as people get them, and with what they are measured against. The next `cargo xtask test` builds its own again.
pub(crate) fn for_benchmarks(place: &Place) -> Outcome<Command> {
    eprintln!("   {}", jars(place, "release")?);
    let build = folder(place).join("benches");
    let classes = build.join("classpath");
    let mut command = maven(place, "benches/kotlin/pom.xml");
    command.arg(format!("-Dbuild={}", build.display())).arg(format!("-Dmdep.outputFile={}", classes.display()));
    process::quiet(command.args(["-q", "compile", "dependency:build-classpath"]))?;
    let found = fs::read_to_string(&classes).doing("read the class path")?;
    let mut java = Command::new("java");
    java.arg("-cp").arg(format!("{}:{}", build.join("classes").display(), found.trim())).arg("MainKt");
    Ok(java)
}

/// Maven, with a repository of its own: nothing that was installed on this machine before is in reach.
fn maven(place: &Place, project: &str) -> Command {
    let mut command = Command::new("mvn");
    command.current_dir(&place.root).args(["-B", "-ntp", "-f", project]);
    let property = |name: &str, path: &Path| format!("-D{name}={}", path.display());
    command.arg(property("maven.repo.local", &local(place))).arg(property("onceward.target", &folder(place)));
    command
}

fn local(place: &Place) -> PathBuf {
    folder(place).join("m2")
}

fn folder(place: &Place) -> PathBuf {
    place.target.join("kotlin")
}
