//! How letters get to the service that tries them, and what it says of them to whoever asked.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::case::Line;
use super::{Case, Tried};
use crate::Error;

/// Names the folder with the letters to try, in the environment of a service. Never set it where a service is to do its work.
pub const VARIABLE: &str = "ONCEWARD_DRY_RUN";
/// The form of the files.
const VERSION: u32 = 1;

/// A folder through which two processes speak: one asks, the other answers.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

#[derive(Serialize, Deserialize)]
struct Head {
    v: u32,
    group: String,
}

#[derive(Serialize, Deserialize)]
struct Report {
    v: u32,
    letters: Vec<Tried>,
}

impl Folder {
    /// A folder that exists. Events lie in it for a while: nobody else should be able to read it.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes down which letters are to be tried.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn ask(&self, group: &str, cases: &[Case]) -> io::Result<()> {
        let mut to = BufWriter::new(File::create_new(self.letters())?);
        serde_json::to_writer(&mut to, &Head { v: VERSION, group: group.to_owned() })?;
        for case in cases {
            to.write_all(b"\n")?;
            serde_json::to_writer(&mut to, &Line::from(case))?;
        }
        to.flush()
    }

    /// What the service said. `None`: it said nothing.
    ///
    /// # Errors
    /// [`Error::Halted`] when it can't be read.
    pub fn report(&self) -> Result<Option<Vec<Tried>>, Error> {
        let bytes = match fs::read(self.answered()) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(&self.answered(), &error)),
        };
        let report: Report = serde_json::from_slice(&bytes).map_err(|error| wrong(&self.answered(), &error))?;
        if report.v == VERSION { Ok(Some(report.letters)) } else { Err(other(&self.answered(), report.v)) }
    }

    /// The group that the letters are of, and the letters.
    pub(super) fn cases(&self) -> Result<(String, Vec<Case>), Error> {
        let path = self.letters();
        let file = File::open(&path).map_err(|error| wrong(&path, &error))?;
        let mut lines = BufReader::new(file).lines();
        let first = lines.next().transpose().map_err(|error| wrong(&path, &error))?.unwrap_or_default();
        let head: Head = serde_json::from_str(&first).map_err(|error| wrong(&path, &error))?;
        if head.v != VERSION {
            return Err(other(&path, head.v));
        }
        let case = |line: io::Result<String>| {
            let line: Line = serde_json::from_str(&line.map_err(|error| wrong(&path, &error))?).map_err(|error| wrong(&path, &error))?;
            line.case().ok_or_else(|| wrong(&path, &"a line names no letter"))
        };
        Ok((head.group, lines.map(case).collect::<Result<_, _>>()?))
    }

    /// Says what became of them: all at once, so that half an answer is none.
    pub(super) fn answer(&self, letters: Vec<Tried>) -> Result<(), Error> {
        let partial = self.0.join("report.partial");
        let write = || -> io::Result<()> {
            fs::write(&partial, serde_json::to_vec(&Report { v: VERSION, letters })?)?;
            fs::rename(&partial, self.answered())
        };
        write().map_err(|error| wrong(&self.answered(), &error))
    }

    fn letters(&self) -> PathBuf {
        self.0.join("letters.jsonl")
    }

    fn answered(&self) -> PathBuf {
        self.0.join("report.json")
    }
}

fn wrong(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::Halted(format!(
        "{}: {why}. {VARIABLE} is set, so letters are tried and nothing is read from Kafka; `onceward dlt replay --dry-run-handler` writes this \
         file. Unset the variable to run the service",
        path.display()
    ))
}

fn other(path: &Path, version: u32) -> Error {
    let why = format!("it has the form {version}, this version knows {VERSION}; use the `onceward` command of the service's own version");
    wrong(path, &why)
}
