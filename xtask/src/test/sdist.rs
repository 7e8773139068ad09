//! The source distribution: whether everything is in it that it is built from.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::python;
use crate::failure::{Doing as _, Failure, Outcome};
use crate::place::Place;
use crate::process;

/// What must be in it, below its folder. The rest is looked for by building.
const NEEDED: [&str; 9] = [
    "Cargo.lock",
    "LICENSE",
    "LICENSE-third-party.txt",
    "PKG-INFO",
    "README.md",
    "bindings/bridge/src/session.rs",
    "core/engine/src/lib.rs",
    "core/runtime/src/lib.rs",
    "src/onceward/py.typed",
];

/// Makes it and looks into it; with `build`, a wheel is built from nothing but it.
pub(crate) fn check(place: &Place, build: bool) -> Outcome<String> {
    let tools = python::tools(place)?;
    let out = place.target.join("python/sdist");
    if out.exists() {
        fs::remove_dir_all(&out).doing("remove the source distribution of the last run")?;
    }
    let mut maturin = Command::new(python::program(&tools, "maturin"));
    process::quiet(maturin.current_dir(place.root.join("python")).args(["sdist", "--out"]).arg(&out))?;
    let files = fs::read_dir(&out).doing("look for the source distribution")?;
    let file = files.filter_map(Result::ok).map(|file| file.path()).next();
    let file = file.ok_or_else(|| Failure::new("maturin made no source distribution"))?;
    process::quiet(Command::new("tar").current_dir(&out).arg("-xmf").arg(&file).args(["--strip-components", "1"]))?;
    let missing: Vec<_> = NEEDED.iter().filter(|path| !out.join(path).exists()).collect();
    if !missing.is_empty() {
        return Err(Failure::new(format!("the source distribution lacks {missing:?}")));
    }
    let size = fs::metadata(&file).doing("look at the source distribution")?.len() / 1024;
    if !build {
        return Ok(format!("{size} KiB, with everything that is looked for"));
    }
    let target = out.join("target");
    warm(place, &target)?;
    let mut pip = Command::new(python::program(&tools, "python"));
    // Without isolation: maturin is here. The folder is the unpacked one, whose files are younger than what was compiled before.
    pip.args(["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]).arg(out.join("wheel")).arg(&out);
    let path = format!("{}:{}", tools.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    process::quiet(pip.env("CARGO_TARGET_DIR", &target).env("PATH", path))?;
    Ok(format!("{size} KiB; a wheel was built from it"))
}

/// What others wrote is compiled already: their parts of the target folder are linked, ours are left out and compiled from the distribution.
fn warm(place: &Place, target: &Path) -> Outcome<()> {
    fs::create_dir_all(target).doing("make a target folder")?;
    process::quiet(Command::new("cp").arg("-al").arg(place.target.join("ci")).arg(target))?;
    let mut find = Command::new("find");
    find.arg(target).args(["-depth", "(", "-name", "*onceward*", "-o", "-name", "*_native*", "-o", "-name", "incremental", ")"]);
    process::quiet(find.args(["-exec", "rm", "-rf", "{}", "+"])).map(drop)
}
