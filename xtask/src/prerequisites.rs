//! What must be on the machine before anything can be fetched or built: looked for, and installed where we may.

use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::process;

struct Prerequisite {
    name: &'static str,
    present: fn() -> bool,
    packages: &'static [&'static str],
}

const ALL: [Prerequisite; 10] = [
    Prerequisite {
        name: "a C compiler (cc, c++)",
        present: || runs("cc", &["--version"]) && runs("c++", &["--version"]),
        packages: &["build-essential"],
    },
    Prerequisite { name: "make", present: || runs("make", &["--version"]), packages: &["build-essential"] },
    // OpenSSL's build needs modules that Debian's perl-base does not have.
    Prerequisite {
        name: "perl with its modules",
        present: || runs("perl", &["-MFindBin", "-MIPC::Cmd", "-MFile::Compare", "-e", "1"]),
        packages: &["perl"],
    },
    Prerequisite {
        name: "a JDK, 17 or newer",
        present: || java_version().is_some_and(|version| version >= 17) && runs("javac", &["-version"]),
        packages: &["default-jdk-headless"],
    },
    // The secure broker's certificates.
    Prerequisite { name: "openssl", present: || runs("openssl", &["version"]), packages: &["openssl"] },
    // Tests start servers of their own; the package's is left alone. Its programs are not in PATH on Debian.
    Prerequisite { name: "Postgres", present: postgres, packages: &["postgresql"] },
    Prerequisite { name: "Maven", present: || runs("mvn", &["--version"]), packages: &["maven"] },
    Prerequisite {
        name: "Python 3 with pip",
        present: || runs("python3", &["-m", "pip", "--version"]),
        packages: &["python3", "python3-pip"],
    },
    Prerequisite {
        name: "Node 20 or newer with npm",
        present: || {
            runs("npm", &["--version"]) && runs("node", &["-e", "process.exit(Number(process.versions.node.split('.')[0]) < 20 ? 1 : 0)"])
        },
        packages: &["nodejs", "npm"],
    },
    Prerequisite { name: "Python's venv", present: || runs("python3", &["-c", "import venv, ensurepip"]), packages: &["python3-venv"] },
];

/// Makes sure that all of it is there. As root on a machine with apt it is installed; elsewhere the line that installs it is named.
pub(crate) fn ensure() -> Outcome<String> {
    let missing = missing();
    if missing.is_empty() {
        return Ok("all present".to_owned());
    }
    let packages = packages(&missing);
    let install = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    let names = missing.iter().map(|one| one.name).collect::<Vec<_>>().join(", ");
    if !root() || !runs("apt-get", &["--version"]) {
        return Err(Failure::new(format!("missing: {names}. On Debian or Ubuntu: sudo {install}")));
    }
    eprintln!("   missing: {names}; installing: {install}");
    process::quiet(Command::new("apt-get").args(["update", "-qq"]))?;
    process::quiet(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(&packages),
    )?;
    let still = self::missing();
    if still.is_empty() {
        return Ok(format!("installed {}", packages.join(", ")));
    }
    let names = still.iter().map(|one| one.name).collect::<Vec<_>>().join(", ");
    Err(Failure::new(format!("`{install}` succeeded, but still missing: {names}; install it by hand and put it first in PATH")))
}

fn missing() -> Vec<&'static Prerequisite> {
    ALL.iter().filter(|one| !(one.present)()).collect()
}

fn packages(missing: &[&Prerequisite]) -> Vec<&'static str> {
    let mut packages: Vec<_> = missing.iter().flat_map(|one| one.packages).copied().collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    process::succeeds(Command::new(program).args(arguments))
}

fn postgres() -> bool {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    runs("initdb", &["--version"]) || installed.map(|version| version.path().join("bin/initdb")).any(|program| program.is_file())
}

fn root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn java_version() -> Option<u32> {
    let output = Command::new("java").arg("-version").output().ok()?;
    major(&String::from_utf8_lossy(&output.stderr))
}

/// The major version out of `openjdk version "17.0.15" …`; old ones said `"1.8.0"`.
fn major(said: &str) -> Option<u32> {
    let version = said.split('"').nth(1)?;
    let mut parts = version.split(['.', '-', '+']).map(str::parse);
    match parts.next()?.ok()? {
        1 => parts.next()?.ok(),
        major => Some(major),
    }
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn java_versions_are_read_in_all_their_spellings() {
        assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime"), Some(17));
        assert_eq!(major("openjdk version \"25\" 2025-09-16"), Some(25));
        assert_eq!(major("openjdk version \"26-ea\" 2026-03-17"), Some(26));
        assert_eq!(major("java version \"1.8.0_402\""), Some(8));
        assert_eq!(major("sh: java: not found"), None);
    }
}
