//! Reading schemas from files.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::error::CheckError;
use super::kind::Like;
use super::natural;
use crate::limits::Limits;
use crate::source::Reference;

/// A text that is a schema, or may be.
pub(super) struct Text {
    pub(super) name: String,
    pub(super) text: String,
}

/// No more than the limit is read, whatever stands behind the path.
pub(super) fn read(path: &Path, limits: &Limits) -> Result<String, CheckError> {
    let unreadable = |error: &dyn std::fmt::Display| CheckError::Unreadable(format!("{} can't be read: {error}", path.display()));
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    let most = u64::try_from(limits.bytes).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() > limits.bytes {
        return Err(unreadable(&format!("it has more than {} bytes", limits.bytes)));
    }
    String::from_utf8(bytes).map_err(|_| unreadable(&"it is no UTF-8"))
}

/// The schemas of a folder, the oldest version first.
pub(super) fn versions(folder: &Path, like: &Like<'_>, except: &Path) -> Result<Vec<PathBuf>, CheckError> {
    let unreadable = |error: std::io::Error| CheckError::Unreadable(format!("{} can't be read: {error}", folder.display()));
    let except = except.canonicalize().ok();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let itself = except.is_some() && path.canonicalize().ok() == except;
        if path.is_file() && !itself && path.to_str().is_some_and(|name| like.is(name)) {
            files.push(path);
        }
    }
    files.sort_by(|left, right| natural::order(&name(left), &name(right)));
    Ok(files)
}

/// Everything below a folder that a schema may refer to, by its path from there.
pub(super) fn references(folders: &[PathBuf], like: &Like<'_>, except: &Path, limits: &Limits) -> Result<Vec<Reference>, CheckError> {
    let except = except.canonicalize().ok();
    let mut all = Vec::new();
    for root in folders {
        let mut waiting = vec![root.clone()];
        while let Some(folder) = waiting.pop() {
            let unreadable = |error: std::io::Error| CheckError::Unreadable(format!("{} can't be read: {error}", folder.display()));
            let mut entries: Vec<PathBuf> = Vec::new();
            for entry in fs::read_dir(&folder).map_err(unreadable)? {
                entries.push(entry.map_err(unreadable)?.path());
            }
            entries.sort();
            for path in entries {
                // A link to a folder may lead in a circle.
                if path.is_dir() && !path.is_symlink() {
                    waiting.push(path);
                } else if path.is_file() && path.to_str().is_some_and(|name| like.is(name)) && path.canonicalize().ok() != except {
                    let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                    let text = read(&path, limits)?;
                    all.push(Reference { name: like.reference(&name, &text), text });
                }
                if all.len() > limits.references {
                    let problem = format!("{} holds more than {} schemas; name smaller folders", root.display(), limits.references);
                    return Err(CheckError::Usage(problem));
                }
            }
        }
    }
    Ok(all)
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
