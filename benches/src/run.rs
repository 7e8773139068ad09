//! Runs rows as processes, interleaved, and collects what they print and what they cost.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde::Serialize;

use crate::plan::{ROWS, Row, TOPICS};
use crate::{Outcome, env, fill, prep, report};

#[derive(Args)]
pub(crate) struct Options {
    /// Repeats of each row.
    #[arg(short, long, default_value_t = 3)]
    pub(crate) repeats: u32,
    /// Only rows whose name contains this.
    #[arg(short, long, default_value = "")]
    pub(crate) only: String,
    /// Where databases and results go.
    #[arg(long, default_value = "target/bench")]
    pub(crate) out: PathBuf,
}

/// One run of one row.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) row: &'static str,
    pub(crate) repeat: u32,
    pub(crate) records_per_second: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_memory_mib: f64,
    pub(crate) line: serde_json::Value,
}

pub(crate) fn run(options: &Options) -> Outcome<()> {
    std::fs::create_dir_all(&options.out)?;
    let rows: Vec<&Row> = ROWS.iter().filter(|row| row.name.contains(&options.only)).collect();
    for topic in TOPICS.iter().filter(|topic| rows.iter().any(|row| row.topic == topic.name)) {
        eprintln!("preparing {} ({} records)", topic.name, topic.count);
        let name = topic.name.to_owned();
        prep::prepare(&prep::Topic { name, count: topic.count, poison: topic.poison, copies: topic.copies, rate: 0, poison_keys: 0 })?;
    }
    let filled = options.out.join("filled.db");
    if rows.iter().any(|row| row.filled) && !filled.exists() {
        eprintln!("filling an inbox with 10 million ids");
        fill::inbox(&filled, 10_000_000)?;
    }
    let mut samples = Vec::new();
    for repeat in 1..=options.repeats {
        for row in &rows {
            let sample = one(row, repeat, &options.out, &filled)?;
            eprintln!("{repeat}/{} {:45} {:>10.0} records/s", options.repeats, row.name, sample.records_per_second);
            samples.push(sample);
        }
    }
    report::write(&samples, &options.out)
}

fn one(row: &'static Row, repeat: u32, out: &Path, filled: &Path) -> Outcome<Sample> {
    let database = out.join("run.db");
    for suffix in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{suffix}", database.display()));
        if file.exists() {
            std::fs::remove_file(file)?;
        }
    }
    if row.filled {
        std::fs::copy(filled, &database)?;
    }
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["row", row.program])
        .env("BOOTSTRAP", env::brokers())
        .env("TOPIC", row.topic)
        .env("GROUP", format!("bench-{}", uuid::Uuid::new_v4().simple()))
        .env("COUNT", row.count.to_string())
        .env("WORKLOAD", row.name)
        .env("DB", &database)
        .envs(row.environment.iter().copied())
        .stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let output = child.stdout.take().ok_or("no output")?;
    let printed: Vec<String> = BufReader::new(output).lines().collect::<Result<_, _>>()?;
    let usage = wait(child.id())?;
    let line = printed.iter().rfind(|line| line.starts_with('{')).ok_or_else(|| format!("{} printed no result", row.name))?;
    let line: serde_json::Value = serde_json::from_str(line)?;
    let (records, seconds) = (line["records"].as_f64().unwrap_or(0.0), line["seconds"].as_f64().unwrap_or(f64::INFINITY));
    Ok(Sample { row: row.name, repeat, records_per_second: records / seconds, cpu_seconds: usage.0, peak_memory_mib: usage.1, line })
}

/// CPU seconds and peak memory of a finished child.
#[allow(unsafe_code, reason = "the standard library does not hand out a child's resource usage")]
fn wait(pid: u32) -> Outcome<(f64, f64)> {
    let mut status = 0;
    // SAFETY: `rusage` is plain data that the call fills; the pid is a child of ours that was not waited for.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        if libc::wait4(i32::try_from(pid)?, &raw mut status, 0, &raw mut usage) < 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        usage
    };
    if status != 0 {
        return Err(format!("a row ended with status {status}").into());
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Ok((seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as f64 / 1024.0))
}
