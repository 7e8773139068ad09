//! Who has a file open: a message that names the process is worth more than one that says "locked".

use std::path::Path;

/// A process that has a file open.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name, as the system shortens it.
    pub name: String,
}

/// Other processes that have a file open, as far as this user may see; none where the system does not tell (Linux does).
#[must_use]
pub fn holders(path: &Path) -> Vec<Holder> {
    let mut found = Vec::new();
    // Other names lead to the same file, so files are compared and not names.
    let Some(wanted) = key(path) else { return found };
    let Ok(processes) = std::fs::read_dir("/proc") else { return found };
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(open) = std::fs::read_dir(process.path().join("fd")) else { continue };
        if pid != std::process::id() && open.flatten().any(|file| key(&file.path()) == Some(wanted)) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default().trim().to_owned();
            found.push(Holder { pid, name });
        }
    }
    found.sort_by_key(|holder| holder.pid);
    found
}

/// ` by …`, for a message; nothing when nobody is known.
pub(super) fn by(path: &Path) -> String {
    let held = holders(path);
    if held.is_empty() {
        return String::new();
    }
    let names: Vec<String> = held.iter().take(5).map(|holder| format!("{} (process {})", holder.name, holder.pid)).collect();
    let more = if held.len() > names.len() { format!(" and {} more", held.len() - names.len()) } else { String::new() };
    format!(" by {}{more}", names.join(", "))
}

#[cfg(unix)]
fn key(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

#[cfg(not(unix))]
fn key(_path: &Path) -> Option<(u64, u64)> {
    None
}
