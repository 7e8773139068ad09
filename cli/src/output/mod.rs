//! Showing things: text for people, one document for programs, nothing that a terminal could take for a command.

mod base64;
mod moment;
mod progress;
mod size;
mod table;
mod time;
mod visible;

use std::io::{self, Write};

use serde::Serialize;

pub(crate) use base64::base64;
pub(crate) use moment::{Moment, days};
pub(crate) use progress::Progress;
pub(crate) use size::rounded;
pub(crate) use table::Table;
pub(crate) use time::rfc3339;
pub(crate) use visible::{visible, visible_lines};

/// The answer of a command.
pub(crate) trait Report: Serialize {
    /// For people. Colours are written always; the stream takes them out where they don't belong (`NO_COLOR`, no terminal).
    fn render(&self, to: &mut dyn Write) -> io::Result<()>;
}

/// Shows an answer on stdout.
pub(crate) fn show(report: &impl Report, as_json: bool) -> io::Result<()> {
    if as_json {
        return json(report);
    }
    let mut stdout = anstream::stdout().lock();
    report.render(&mut stdout)?;
    stdout.flush()
}

/// One document on stdout.
pub(crate) fn json(document: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, document)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Something worth knowing, on stderr.
pub(crate) fn note(text: &str) {
    // When stderr is gone there is nobody to tell.
    writeln!(anstream::stderr().lock(), "note: {}", visible(text)).ok();
}

/// A line for people on stderr.
pub(crate) fn message(kind: &str, text: &str) {
    let style = clap::builder::styling::AnsiColor::Red.on_default().bold();
    // When stderr is gone there is nobody to tell.
    writeln!(anstream::stderr().lock(), "{style}{kind}{style:#}: {text}").ok();
}
