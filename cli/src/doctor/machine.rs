//! What this machine, or this container, allows a process: memory and open files. To be run where the consumer will run.

use std::fs;
use std::path::Path;

use onceward::config::{InboxPlace, Settings};

use super::finding::{Diagnosis, Finding};
use crate::output::rounded;

/// Code, stacks, caches of SQLite and OpenSSL, tokio: what a consumer with nothing in flight takes.
const BASE: u64 = 96 << 20;
/// Records of partitions that are held back, and batches on their way.
const STASH: u64 = 20 << 20;
/// Connections, files of the inbox, the listener and its clients, what the host program opens before.
const FILES: u64 = 128;
/// Clients of a consumer: it, the producer of letters, the relay, questions.
const CLIENTS: u64 = 4;

pub(super) fn examine(settings: &Settings, client: &[(String, String)], brokers: usize, diagnosis: &mut Diagnosis) {
    let queued =
        client.iter().rev().find(|(name, _)| name == "queued.max.messages.kbytes").and_then(|(_, value)| value.parse::<u64>().ok());
    let filter = if matches!(settings.inbox, InboxPlace::Sqlite(_)) { settings.filter_memory } else { 0 };
    let parts = [BASE, STASH, settings.credit.bytes, queued.unwrap_or(65_536).saturating_mul(1_024), filter];
    diagnosis.add(memory(parts.into_iter().fold(0, u64::saturating_add), limit()));
    let needed = FILES.saturating_add(CLIENTS.saturating_mul(u64::try_from(brokers.max(1)).unwrap_or(1).saturating_add(2)));
    if let Some(finding) =
        fs::read_to_string("/proc/self/limits").ok().and_then(|limits| soft_limit(&limits)).map(|soft| files(needed, soft))
    {
        diagnosis.add(finding);
    }
}

/// The least of what the container may use and what the machine has, and which of them it is.
fn limit() -> Option<(u64, &'static str)> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text)).map(|bytes| (bytes, "the machine's memory"));
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = places(&cgroups).into_iter().filter_map(|place| fs::read_to_string(place).ok()?.trim().parse().ok()).min();
    group.map(|bytes: u64| (bytes, "the memory limit of this cgroup")).into_iter().chain(machine).min_by_key(|(bytes, _)| *bytes)
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// Files that may hold a limit: of this cgroup and of all above it, versions 2 and 1. In a container the root is its own.
fn places(cgroups: &str) -> Vec<String> {
    let mut places = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        places.extend(Path::new(path).ancestors().map(|part| format!("{root}{}/{file}", part.display().to_string().trim_end_matches('/'))));
    }
    places
}

fn memory(needed: u64, limit: Option<(u64, &str)>) -> Finding {
    let budgets = format!("up to {} with these budgets (credit.bytes, filter_memory, librdkafka's queue)", rounded(needed));
    match limit {
        Some((bytes, what)) if bytes < needed => Finding::fail(
            "memory",
            "this process",
            format!("{budgets}, more than {what}, {}: the kernel would kill it under load", rounded(bytes)),
            "raise the limit, or lower credit.bytes or filter_memory; handlers need memory, too",
        ),
        Some((bytes, what)) => Finding::ok("memory", "this process", format!("{budgets}; {what} is {}", rounded(bytes))),
        None => Finding::ok("memory", "this process", format!("{budgets}; no limit is known")),
    }
}

/// `Max open files            1024                 524288               files`: the first number.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn files(needed: u64, soft: u64) -> Finding {
    if soft < needed {
        let cure =
            format!("raise it: `ulimit -n {}`, LimitNOFILE= of the unit, or the container's ulimits", needed.saturating_mul(4).max(1_024));
        return Finding::fail("files", "this process", format!("may open {soft} files, a consumer needs about {needed}"), cure);
    }
    Finding::ok("files", "this process", format!("may open {soft} files, about {needed} are needed"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn limits_are_found_where_the_kernel_writes_them() {
        assert_eq!(total("MemTotal:       24576 kB\nMemFree: 1 kB\n"), Some(24 << 20));
        assert_eq!(places("0::/a/b\n"), ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"]);
        assert_eq!(
            places("4:cpu,memory:/x\n3:pids:/\n"),
            ["/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
        assert_eq!(soft_limit("Limit  Soft\nMax open files            1024                 524288               files\n"), Some(1_024));
        assert_eq!((soft_limit("Max open files unlimited x"), soft_limit("")), (Some(u64::MAX), None));
    }

    #[test]
    fn too_little_fails_with_its_cure() {
        assert_eq!(memory(300 << 20, Some((256 << 20, "the limit"))).verdict, Verdict::Fail);
        assert_eq!(memory(300 << 20, Some((512 << 20, "the limit"))).verdict, Verdict::Ok);
        assert!(files(140, 64).cure.unwrap().contains("ulimit -n 1024"));
        assert_eq!(files(140, 1_024).verdict, Verdict::Ok);
    }
}
