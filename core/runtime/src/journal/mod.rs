//! What is running, written so that it survives the death of the process: afterwards it tells who may have killed it.
//!
//! A small file beside the inbox, mapped into memory: a handler that begins costs a few stores, and the kernel keeps them when the process
//! is gone. Nothing is synced, so a power cut loses them; after that nobody is charged anyway. Each process has a file of its own, held by
//! a lock that dies with it: who finds a file unlocked looks at what was running, takes those events over as *suspects*, and clears it.
//!
//! | file | decides |
//! |---|---|
//! | `map` | a file as words of memory; the one unsafe place |
//! | `page` | what stands where in the file |
//! | `running` | the slots of handlers |
//! | `ledger` | suspects and their charges: who is charged for a death, who is acquitted |
//! | `boot` | whether the machine was started again since |

mod boot;
mod ledger;
#[cfg(unix)]
mod map;
#[cfg(not(unix))]
#[path = "map_none.rs"]
mod map;
mod name;
mod page;
mod running;

pub(crate) use ledger::Journal;
pub(crate) use name::{Name, topic_hash};
pub(crate) use running::{Running, Seat};

#[cfg(test)]
mod tests;
