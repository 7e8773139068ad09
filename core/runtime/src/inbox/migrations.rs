//! Files of `migrations`, whichever database they run on: what is in the folder, and which of it runs next.

use std::collections::BTreeMap;
use std::path::Path;

use super::InboxError;

/// A file as it is, by name: its SQL and checksum.
pub(super) type Files = BTreeMap<String, (String, String)>;

/// The files of a folder.
pub(super) fn read(folder: &Path) -> Result<Files, InboxError> {
    let unreadable = |place: &Path, error: std::io::Error| InboxError::Migration {
        file: place.display().to_string(),
        detail: format!("can't be read: {error}; correct `migrations`, which names a folder relative to where the process was started"),
    };
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let place = entry.map_err(|error| unreadable(folder, error))?.path();
        if place.extension().is_none_or(|extension| extension != "sql") || !place.is_file() {
            continue;
        }
        let sql = std::fs::read_to_string(&place).map_err(|error| unreadable(&place, error))?;
        let checksum = blake3::hash(sql.as_bytes()).to_hex().to_string();
        files.insert(place.file_name().unwrap_or_default().to_string_lossy().into_owned(), (sql, checksum));
    }
    Ok(files)
}

/// The name, SQL and checksum of the file that runs next, given the checksums of those that have run; `None`: all have.
pub(super) fn next<'a>(
    folder: &Path,
    files: &'a Files,
    applied: &BTreeMap<String, String>,
) -> Result<Option<(&'a str, &'a str, &'a str)>, InboxError> {
    for (name, checksum) in applied {
        match files.get(name) {
            None => {
                let detail = "has run on this inbox and is not in the folder any more; put it back as it was: files that have run stay";
                return Err(failed(folder, name, detail.to_owned()));
            }
            Some((_, now)) if now != checksum => {
                let detail = "has run on this inbox and was changed since; put it back as it was, and write the change into a new file";
                return Err(failed(folder, name, detail.to_owned()));
            }
            Some(_) => {}
        }
    }
    let last = applied.keys().next_back();
    let Some((name, (sql, checksum))) = files.iter().find(|(name, _)| !applied.contains_key(*name)) else { return Ok(None) };
    if let Some(last) = last.filter(|last| *last > name) {
        let detail = format!("is new, but its name comes before {last}, which has run already; give it a name that comes after");
        return Err(failed(folder, name, detail));
    }
    Ok(Some((name, sql, checksum)))
}

/// What is wrong with a file.
pub(super) fn failed(folder: &Path, name: &str, detail: String) -> InboxError {
    InboxError::Migration { file: folder.join(name).display().to_string(), detail }
}
