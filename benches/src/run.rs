//! Runs rows as processes, interleaved, and collects what they print and what they cost.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde::Serialize;

use crate::plan::{ROWS, Row, TOPICS};
use crate::{Outcome, engine, env, report};

#[derive(Args)]
pub(crate) struct Options {
    /// Repeats of each row.
    #[arg(short, long, default_value_t = 3)]
    pub(crate) repeats: u32,
    /// Only rows whose name contains this.
    #[arg(short, long, default_value = "")]
    pub(crate) only: String,
    /// Records per second of the paced row; 30 % of the no-op row's rate unless given.
    #[arg(long)]
    pub(crate) rate: Option<u64>,
    /// How long the paced row lasts, in seconds.
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u64,
    /// Where databases and results go.
    #[arg(long, default_value = "target/bench")]
    pub(crate) out: PathBuf,
}

/// The row that is paced.
pub(crate) const PACED: &str = "healthy delay with 20 poison keys, paced at 30 %";

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
        apart(&[
            "prep",
            &name,
            &topic.count.to_string(),
            "--poison",
            &topic.poison.to_string(),
            "--copies",
            &topic.copies.to_string(),
            "--poison-keys",
            &topic.poison_keys.to_string(),
        ])?;
    }
    let filled = options.out.join("filled.db");
    if rows.iter().any(|row| row.filled) && !filled.exists() {
        eprintln!("filling an inbox with 10 million ids");
        apart(&["fill", &filled.display().to_string(), "10000000"])?;
    }
    let mut samples: Vec<Sample> = Vec::new();
    for repeat in 1..=options.repeats {
        for row in &rows {
            let work = Work {
                name: row.name,
                program: row.program,
                topic: row.topic,
                count: row.count,
                environment: row.environment,
                filled: row.filled.then_some(filled.as_path()),
            };
            let sample = one(&work, repeat, &options.out)?;
            eprintln!("{repeat}/{} {:45} {:>10.0} records/s", options.repeats, row.name, sample.records_per_second);
            samples.push(sample);
        }
    }
    if PACED.contains(&options.only) {
        samples.push(paced(&samples, options)?);
    }
    report::write(&samples, &options.out)?;
    if "engine alone".contains(&options.only) {
        apart(&["engine"])?;
        for keys in [10, 10_000] {
            match engine::instructions(keys) {
                Some(count) => println!("engine alone, {keys} keys: {count} instructions per event (callgrind)"),
                None => println!("engine alone, {keys} keys: instructions not counted, there is no valgrind"),
            }
        }
    }
    Ok(())
}

/// The delay of healthy events, from produce to mark, while 20 keys fail: paced at 30 % of what the no-op row reached, for a minute.
fn paced(samples: &[Sample], options: &Options) -> Outcome<Sample> {
    let best = samples.iter().filter(|sample| sample.row == "no-op, SQLite inbox").map(|sample| sample.records_per_second);
    let rate = options.rate.unwrap_or_else(|| (best.fold(0.0, f64::max) * 0.3) as u64).max(1_000);
    let (topic, count) = (format!("bench-paced-{}", uuid::Uuid::new_v4().simple()), rate * options.seconds);
    eprintln!("pacing {rate} records/s for {} s", options.seconds);
    // Made empty first: a consumer that starts on a missing topic is refused.
    apart(&["prep", &topic, "0"])?;
    let mut producer = Command::new(std::env::current_exe()?)
        .args(["prep", &topic, &count.to_string(), "--rate", &rate.to_string(), "--poison-keys", "20", "--keys", "100000"])
        .spawn()?;
    let work = Work { name: PACED, program: "onceward", topic: &topic, count, environment: &[("HANDLER", "delay")], filled: None };
    let sample = one(&work, 1, &options.out)?;
    producer.wait()?;
    Ok(sample)
}

/// Runs a preparation in a process of its own: a child's peak memory begins with its parent's, so this process must stay small.
fn apart(arguments: &[&str]) -> Outcome<()> {
    let status = Command::new(std::env::current_exe()?).args(arguments).status()?;
    if status.success() { Ok(()) } else { Err(format!("{} failed", arguments.join(" ")).into()) }
}

/// What one process has to do.
struct Work<'a> {
    name: &'static str,
    program: &'a str,
    topic: &'a str,
    count: u64,
    environment: &'a [(&'a str, &'a str)],
    /// An inbox to start from.
    filled: Option<&'a Path>,
}

fn one(row: &Work<'_>, repeat: u32, out: &Path) -> Outcome<Sample> {
    let database = out.join("run.db");
    for suffix in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{suffix}", database.display()));
        if file.exists() {
            std::fs::remove_file(file)?;
        }
    }
    if let Some(filled) = row.filled {
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
