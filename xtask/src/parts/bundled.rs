//! C libraries that crates carry and compile: no registry of crates knows their licences.

use std::fs;
use std::path::Path;

use super::Part;
use super::crates::{Sources, texts};
use crate::failure::{Doing as _, Failure, Outcome};

/// A library: its crate, its folder there, its licence, and what stands before its version.
struct Library {
    name: &'static str,
    carrier: &'static str,
    folder: &'static str,
    licence: &'static str,
    version: Version,
    said: Option<&'static str>,
}

enum Version {
    /// In the crate's own version, behind this.
    Crate(&'static str),
    /// In a file, in quotes behind this.
    File(&'static str, &'static str),
}

const PUBLIC_DOMAIN: &str = "The author disclaims copyright to this source code. In place of a legal notice, here is a blessing:\n\n    May you do \
                             good and not evil.\n    May you find forgiveness for yourself and forgive others.\n    May you share freely, never \
                             taking more than you give.\n";

const LIBRARIES: [Library; 6] = [
    Library {
        name: "librdkafka",
        carrier: "rdkafka-sys",
        folder: "librdkafka",
        licence: "BSD-2-Clause",
        version: Version::Crate("+"),
        said: None,
    },
    Library { name: "openssl", carrier: "openssl-src", folder: "openssl", licence: "Apache-2.0", version: Version::Crate("+"), said: None },
    Library { name: "curl", carrier: "curl-sys", folder: "curl", licence: "curl", version: Version::Crate("+curl-"), said: None },
    Library { name: "zstd", carrier: "zstd-sys", folder: "zstd", licence: "BSD-3-Clause", version: Version::Crate("+zstd."), said: None },
    Library {
        name: "zlib",
        carrier: "libz-sys",
        folder: "src/zlib",
        licence: "Zlib",
        version: Version::File("zlib.h", "#define ZLIB_VERSION "),
        said: None,
    },
    Library {
        name: "sqlite",
        carrier: "libsqlite3-sys",
        folder: "sqlite3",
        licence: "blessing",
        version: Version::File("sqlite3.h", "#define SQLITE_VERSION "),
        said: Some(PUBLIC_DOMAIN),
    },
];

/// The C libraries in these sources, and what librdkafka carries in turn.
pub(super) fn within(sources: &Sources) -> Outcome<Vec<Part>> {
    let mut parts = Vec::new();
    for library in &LIBRARIES {
        let missing = || Failure::new(format!("the crate {} is not in the dependencies, but {} is listed", library.carrier, library.name));
        let (crate_folder, crate_version) = sources.get(library.carrier).ok_or_else(missing)?;
        let folder = crate_folder.join(library.folder);
        let version = match library.version {
            Version::Crate(mark) => crate_version.split_once(mark).map(|(_, version)| version.to_owned()),
            Version::File(file, mark) => {
                let text = fs::read_to_string(folder.join(file)).doing(format_args!("read the version of {}", library.name))?;
                text.split_once(mark).and_then(|(_, rest)| rest.split('"').nth(1)).map(str::to_owned)
            }
        };
        let Some(version) = version else {
            return Err(Failure::new(format!("the version of {} can't be told from {}", library.name, folder.display())));
        };
        let texts = texts(&folder)?;
        if library.name == "librdkafka" {
            parts.extend(texts.iter().filter_map(|file| carried(file.as_path())));
        }
        parts.push(Part {
            name: library.name.to_owned(),
            purl: Some(format!("pkg:generic/{}@{version}", library.name)),
            version: Some(version),
            licence: library.licence.to_owned(),
            texts,
            said: library.said,
        });
    }
    Ok(parts)
}

/// `LICENSE.lz4` beside librdkafka's own: it carries lz4.
fn carried(file: &Path) -> Option<Part> {
    let name = file.file_name()?.to_str()?.strip_prefix("LICENSE.")?.to_owned();
    Some(Part { name, version: None, licence: "see its text".to_owned(), purl: None, texts: vec![file.to_path_buf()], said: None })
}
