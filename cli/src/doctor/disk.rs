//! Where the inbox lies: which file system, and how much room there is.

use std::path::Path;

use onceward::inbox::file_system;

use super::finding::{Diagnosis, Finding};
use crate::output::rounded;

/// Below this, not even a full write-ahead log fits.
const LEAST: u64 = 128 << 20;

pub(super) fn examine(path: &Path, folder: &Path, diagnosis: &mut Diagnosis) {
    let name = path.display().to_string();
    // The file itself may be mounted alone.
    let place = if path.exists() { path } else { folder };
    if let Some(finding) = file_system(place).and_then(|kind| fleeting(&name, &kind)) {
        diagnosis.add(finding);
    }
    let Ok(stat) = rustix::fs::statvfs(folder) else { return };
    let size = std::fs::metadata(path).map_or(0, |data| data.len());
    diagnosis.add(room(&name, stat.f_bavail.saturating_mul(stat.f_frsize), size));
}

/// File systems that are gone sooner than people think. Network file systems are refused when the file is opened.
fn fleeting(name: &str, kind: &str) -> Option<Finding> {
    let (message, cure) = match kind {
        "tmpfs" | "ramfs" | "devtmpfs" => ("lies in memory: it is gone after a restart of this machine", "put it on a disk"),
        "overlay" | "aufs" => (
            "lies in the container's own layer: it is gone with the container",
            "mount a volume and put it there; only one host's disk will do",
        ),
        _ => return None,
    };
    Some(Finding::warn("file-system", name, format!("{message} ({kind})"), cure))
}

/// Merging and pruning hold the old and the new copy of a part at once.
fn room(name: &str, free: u64, size: u64) -> Finding {
    let told = format!("{} are free on its disk", rounded(free));
    let cure = "free space there: at a full disk consumption pauses; docs/guide/inbox.md says how large an inbox becomes";
    if free < LEAST {
        Finding::fail("disk", name, told, cure)
    } else if free < size.max(1 << 30) {
        Finding::warn("disk", name, told, cure)
    } else {
        Finding::ok("disk", name, told)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn places_that_do_not_last_and_disks_that_are_full() {
        assert!(fleeting("i", "tmpfs").unwrap().message.contains("restart of this machine") && fleeting("i", "ext4").is_none());
        assert!(fleeting("i", "overlay").unwrap().cure.unwrap().contains("volume"));
        assert_eq!(
            [room("i", 1 << 20, 0), room("i", 2 << 30, 8 << 30), room("i", 2 << 30, 1 << 20)].map(|finding| finding.verdict),
            [Verdict::Fail, Verdict::Warn, Verdict::Ok]
        );
    }
}
