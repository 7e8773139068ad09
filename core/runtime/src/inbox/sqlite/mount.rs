//! Which file system a path lies on. SQLite's locks and its shared memory can't be trusted over a network.
//!
//! Read from the kernel's table of mounts, which needs no unsafe call; on systems without one nothing is refused.

use std::path::Path;

/// Network file systems by the name that the kernel gives them.
const NETWORK: [&str; 12] =
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "9p", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.s3fs"];

/// The network file system that holds a path, if it is one.
pub(super) fn network_file_system(path: &Path) -> Option<String> {
    file_system(path).filter(|kind| NETWORK.contains(&kind.as_str()))
}

/// The type of the file system that holds a path, as the kernel names it; `None` where it does not tell.
#[must_use]
pub fn file_system(path: &Path) -> Option<String> {
    kind_of(&std::fs::read_to_string("/proc/self/mountinfo").ok()?, &path.canonicalize().ok()?)
}

/// The file system type of the deepest mount above a path. Later lines of the same depth cover earlier ones.
fn kind_of(mounts: &str, path: &Path) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let Some(point) = left.split(' ').nth(4) else { continue };
        let Some(kind) = right.split(' ').next() else { continue };
        let point = unescape(point);
        let depth = Path::new(&point).components().count();
        if path.starts_with(&point) && best.as_ref().is_none_or(|(held, _)| depth >= *held) {
            best = Some((depth, kind.to_owned()));
        }
    }
    best.map(|(_, kind)| kind)
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{NETWORK, kind_of};

    const MOUNTS: &str = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:40 / /srv rw shared:9 - nfs4 host:/export rw
41 40 0:41 / /srv/my\\040disk rw - xfs /dev/sdb1 rw
42 22 0:42 / /home/u/remote rw - fuse.sshfs u@h:/ rw
";

    #[test]
    fn the_deepest_mount_decides() {
        let kind = |path: &str| kind_of(MOUNTS, Path::new(path)).unwrap_or_default();
        assert_eq!(kind("/var/lib/x"), "ext4");
        assert_eq!(kind("/srv/inbox"), "nfs4");
        assert_eq!(kind("/srv/my disk/inbox"), "xfs");
        assert_eq!(kind("/srvx"), "ext4");
        assert_eq!(kind("/home/u/remote/a"), "fuse.sshfs");
        assert!(NETWORK.contains(&"nfs4") && NETWORK.contains(&"fuse.sshfs") && !NETWORK.contains(&"ext4"));
    }
}
