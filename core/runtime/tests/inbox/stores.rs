//! Which stores the contract is checked on, here.

use tempfile::tempdir;

use super::rig::{Hands, Rig, settings};

pub(crate) fn each(check: impl Fn(Rig, &Hands)) {
    let clock = Hands::new();
    check(Rig::memory(clock.clone()), &clock);
    let folder = tempdir().unwrap();
    let clock = Hands::new();
    let mut settings = settings(&folder.path().join("inbox.db"));
    settings.clock = clock.clone();
    check(Rig::sqlite(settings), &clock);
}
