//! Which stores the contract is checked on, here.

use super::rig::{Hands, Rig, postgres};
use super::server::shared;

pub(crate) fn each(check: impl Fn(Rig, &Hands)) {
    let clock = Hands::new();
    let database = shared().database();
    let mut settings = postgres(&database.url());
    settings.clock = clock.clone();
    check(Rig::postgres(settings), &clock);
}
