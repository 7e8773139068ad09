//! The Python package: built as users get it, installed where nothing of this tree is in reach, and tested there.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::suite::Tally;
use crate::failure::{Doing as _, Failure, Outcome};
use crate::place::Place;
use crate::{parts, process};

/// Interpreters that are looked for besides `python3`; the wheel is one for all of them.
const OTHERS: [&str; 5] = ["python3.10", "python3.11", "python3.12", "python3.13", "python3.14"];

/// Builds the wheel, with the profile and the target folder of everything else: the C code is not compiled again.
pub(crate) fn wheel(place: &Place, profile: &str) -> Outcome<String> {
    let tools = tools(place)?;
    command(place)?;
    let package = place.root.join("python");
    let sbom = place.target.join("python/onceward.cdx.json");
    let count = parts::write(place, &["onceward-python", "onceward-cli"], &package.join("LICENSE-third-party.txt"), &sbom)?;
    let out = wheels(place);
    if out.exists() {
        fs::remove_dir_all(&out).doing("remove the wheel of the last run")?;
    }
    let mut maturin = Command::new(program(&tools, "maturin"));
    maturin.current_dir(&package).env("CARGO_TARGET_DIR", &place.target).arg("build").arg("--sbom-include").arg(&sbom);
    process::quiet(maturin.args(["--profile", profile, "--locked", "--quiet", "--out"]).arg(&out))?;
    let file = built(place)?;
    let size = fs::metadata(&file).doing("look at the wheel")?.len();
    Ok(format!("{}, {} KiB, {count} parts of others", file.file_name().unwrap_or_default().to_string_lossy(), size / 1024))
}

/// An interpreter with the wheel as people get it, and with what it is measured against. The next `cargo xtask test` builds its own again.
pub(crate) fn for_benchmarks(place: &Place) -> Outcome<Command> {
    eprintln!("   {}", wheel(place, "release")?);
    Ok(Command::new(installed(place, "python3", "bench")?))
}

/// The command that comes with the package, without the symbols that only debuggers read.
fn command(place: &Place) -> Outcome<()> {
    process::quiet(Command::new("cargo").current_dir(&place.root).args([
        "build",
        "--quiet",
        "--profile",
        "ci",
        "--locked",
        "-p",
        "onceward-cli",
    ]))?;
    let folder = place.root.join("python/src/onceward/_bin");
    fs::create_dir_all(&folder).doing("make the folder of the command")?;
    let mut strip = Command::new("strip");
    process::quiet(strip.arg("-o").arg(folder.join("onceward")).arg(place.target.join("ci/onceward"))).map(drop)
}

/// Types: the stubs against the library; the package and the examples against the stubs, by both checkers that people use.
pub(crate) fn types(place: &Place) -> Outcome<String> {
    let python = installed(place, "python3", "types")?;
    let check = |module: &[&str]| {
        let mut command = Command::new(&python);
        command.current_dir(place.root.join("python")).arg("-m").args(module);
        process::quiet(&mut command).map(drop)
    };
    check(&["mypy.stubtest", "onceward._native", "--ignore-missing-stub"])?;
    check(&["mypy", "--strict", "src/onceward", "tests/typed.py"])?;
    check(&["mypy", "--strict", "../examples/python/quickstart.py", "../examples/python/invoices.py", "../examples/python/web.py"])?;
    check(&["pyright", "--project", ".", "--pythonpath", &python.to_string_lossy()])?;
    let shown = place.target.join("python/shown");
    process::quiet(Command::new(&python).arg(place.root.join("python/tools/shown.py")).arg(&shown))?;
    check(&["mypy", "--strict", &shown.to_string_lossy()])?;
    check(&["pyright", "--pythonpath", &python.to_string_lossy(), "--project", &shown.to_string_lossy()])?;
    process::quiet(Command::new(&python).current_dir(place.root.join("python")).args(["tools/settings.py", "--check"]))?;
    Ok("stubs fit the library; mypy and pyright, both strict, find nothing in the package and the examples".to_owned())
}

/// All tests with the default interpreter; those without a broker with every other one that is here.
pub(crate) fn tests(place: &Place, environment: &[(&'static str, String)], filters: &[String]) -> Outcome<Tally> {
    let mut sum = Tally::default();
    let mut versions = Vec::new();
    for name in &interpreters() {
        let Some(version) = version(name).filter(|version| !versions.contains(version)) else { continue };
        let python = installed(place, name, &version)?;
        let mut command = Command::new(&python);
        // Outside of the tree: what is imported is what was installed.
        command.current_dir(place.target.join("python")).args([
            "-X",
            "faulthandler",
            "-m",
            "pytest",
            "-q",
            "-o",
            "faulthandler_timeout=100",
        ]);
        command.args(["-p", "no:cacheprovider", "--rootdir"]).arg(place.root.join("python"));
        command.arg(place.root.join("python/tests")).arg(place.root.join("tests/conformance/python"));
        if versions.is_empty() {
            command.envs(environment.iter().map(|(name, value)| (name, value)));
        } else {
            command.env_remove("ONCEWARD_TEST_BROKERS");
        }
        if !filters.is_empty() {
            command.args(["-k", &filters.join(" or ")]);
        }
        let output = command.stdin(Stdio::null()).output().doing("start pytest")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.lines().for_each(|line| println!("   {version}: {line}"));
        // 5: nothing has a name that a filter asks for.
        sum.read_pytest(&version, &said, output.status.success() || (output.status.code() == Some(5) && !filters.is_empty()));
        versions.push(version);
    }
    if versions.is_empty() {
        return Err(Failure::new("no Python from 3.10 on is here, so the package was not tested"));
    }
    Ok(sum)
}

/// Interpreters that may be here: on the path, and those that pyenv keeps beside it.
fn interpreters() -> Vec<String> {
    let mut found: Vec<String> = std::iter::once("python3").chain(OTHERS).map(str::to_owned).collect();
    let root = env::var_os("PYENV_ROOT").map(PathBuf::from).or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".pyenv")));
    let versions = root.and_then(|root| fs::read_dir(root.join("versions")).ok());
    let mut kept: Vec<PathBuf> =
        versions.into_iter().flatten().filter_map(Result::ok).map(|version| version.path().join("bin/python")).collect();
    kept.sort();
    found.extend(kept.into_iter().map(|path| path.to_string_lossy().into_owned()));
    found
}

/// An environment that holds the wheel and what tests need; its interpreter.
fn installed(place: &Place, interpreter: &str, name: &str) -> Outcome<PathBuf> {
    let folder = place.target.join("python").join(name);
    environment(interpreter, &folder)?;
    let python = program(&folder, "python");
    pip(&python, &["-r".as_ref(), place.root.join("python/requirements-dev.txt").as_ref()])?;
    pip(&python, &["--force-reinstall".as_ref(), "--no-deps".as_ref(), built(place)?.as_ref()])?;
    Ok(python)
}

pub(super) fn tools(place: &Place) -> Outcome<PathBuf> {
    let folder = place.target.join("python/tools");
    environment("python3", &folder)?;
    pip(&program(&folder, "python"), &["-r".as_ref(), place.root.join("python/requirements-dev.txt").as_ref()])?;
    Ok(folder)
}

fn environment(interpreter: &str, folder: &Path) -> Outcome<()> {
    if process::succeeds(Command::new(program(folder, "python")).arg("--version")) {
        return Ok(());
    }
    process::quiet(Command::new(interpreter).args(["-m", "venv"]).arg(folder)).map(drop)
}

fn pip(python: &Path, arguments: &[&std::ffi::OsStr]) -> Outcome<()> {
    let mut command = Command::new(python);
    process::quiet(command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(arguments)).map(drop)
}

pub(super) fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join("bin").join(name)
}

fn wheels(place: &Place) -> PathBuf {
    place.target.join("python/wheels")
}

fn built(place: &Place) -> Outcome<PathBuf> {
    let folder = wheels(place);
    let files = fs::read_dir(&folder).doing("look for the wheel")?;
    let wheel = files.filter_map(Result::ok).map(|file| file.path()).find(|path| path.extension().is_some_and(|end| end == "whl"));
    wheel.ok_or_else(|| Failure::new(format!("there is no wheel in {}", folder.display())))
}

/// The version of an interpreter that the wheel is for.
fn version(interpreter: &str) -> Option<String> {
    let code = "import sys, ensurepip; print('%d.%d' % sys.version_info[:2]) if sys.version_info >= (3, 10) else sys.exit(1)";
    let output = Command::new(interpreter).args(["-c", code]).env("PATH", env::var_os("PATH")?).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
