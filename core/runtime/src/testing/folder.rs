//! Where the inbox's file lives while a rig does.
//!
//! SQLite has databases in memory, but not with the write-ahead log that the inbox is built upon: several connections of one process would
//! lock each other out, and the test would run another store than the service. So it is a file, in memory where the system offers that.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder that goes with its owner.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn make(in_memory: bool) -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("onceward-rig-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut said = String::new();
        // Linux keeps this one in memory: syncing it costs nothing.
        for base in in_memory.then(|| PathBuf::from("/dev/shm")).into_iter().chain([std::env::temp_dir()]) {
            let path = base.join(&name);
            // Left by a process of the same number that was killed.
            fs::remove_dir_all(&path).unwrap_or_default();
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) => said = format!("{}: {error}", base.display()),
            }
        }
        Err(said)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.path().join("inbox.db")
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind is a few kilobytes in a folder for such things.
        fs::remove_dir_all(self.path()).unwrap_or_default();
    }
}
