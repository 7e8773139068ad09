//! Where things are: the project, what it builds, what it keeps between clones.

use std::env;
use std::path::{Path, PathBuf};

use crate::failure::{Doing as _, Failure, Outcome};

/// The folders that every command works in.
pub(crate) struct Place {
    /// The project's root.
    pub(crate) root: PathBuf,
    /// What is built or running here; gone with a clean clone.
    pub(crate) target: PathBuf,
    /// What was fetched; shared by all clones of this user.
    pub(crate) cache: PathBuf,
}

impl Place {
    /// Finds them from the environment that cargo sets.
    pub(crate) fn find() -> Outcome<Self> {
        let root = root()?;
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
        let cache = cache(&target);
        Ok(Self { root, target, cache })
    }

    /// Where the running broker called `instance` keeps its data, log and state.
    pub(crate) fn broker(&self, instance: &str) -> PathBuf {
        self.target.join("kafka").join(instance)
    }

    /// A path as people of the project know it.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// The nearest folder upwards that holds the workspace: a test may start this program from anywhere below it.
fn root() -> Outcome<PathBuf> {
    let start = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => env::current_dir().doing("find the current folder")?,
    };
    start
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").is_file() && folder.join("xtask").is_dir())
        .map(Path::to_path_buf)
        .ok_or_else(|| Failure::new(format!("{} is not inside the project; run `cargo xtask` from there", start.display())))
}

fn cache(target: &Path) -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("ONCEWARD_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("onceward")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/onceward")))
        .unwrap_or_else(|| target.join("cache"))
}
