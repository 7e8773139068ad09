//! Runs the command in an empty folder with a clean environment.

use std::path::Path;
use std::process::Command;

pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn onceward(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Answer {
    let output = Command::new(env!("CARGO_BIN_EXE_onceward"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    Answer {
        code: output.status.code().expect("it was killed by a signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Compares with a committed file; `BLESS=1` writes it.
pub(crate) fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "{} is out of date; run the test with BLESS=1 and look at the difference\n{actual}", path.display());
}
