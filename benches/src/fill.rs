//! An inbox with many ids, made once and copied for each run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use onceward::inbox::{Identity, Inbox as _, InboxFact, Mark, SqliteInbox, SqliteSettings};
use onceward_engine::{DeliveryId, Digest, Epoch, EventHash, PartitionId};

use crate::Outcome;

/// Marks `count` random ids in a new file.
pub(crate) fn inbox(path: &Path, count: u64) -> Outcome<()> {
    let written = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&written);
    let sink = Arc::new(move |fact| {
        if let InboxFact::Marked(marks) = fact {
            counter.fetch_add(marks.len() as u64, Ordering::Release);
        }
    });
    let mut inbox = SqliteInbox::open(SqliteSettings::new(path.to_path_buf(), "bench".to_owned()), sink)?;
    let mut state = 7_u64;
    let mut random = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 27)
    };
    for ordinal in 0..count {
        let event = EventHash(u128::from(random()) << 64 | u128::from(random()));
        inbox.mark(Mark {
            delivery: DeliveryId { slot: u32::try_from(ordinal)?, generation: 0 },
            partition: PartitionId(0),
            epoch: Epoch(1),
            identity: Identity::Event(event),
            digest: Digest(0),
            lane: 0,
            statements: Vec::new(),
            publishes: None,
        });
        if ordinal % 8_192 == 8_191 {
            inbox.flush();
            while ordinal - written.load(Ordering::Acquire) > 100_000 {
                std::thread::yield_now();
            }
        }
    }
    inbox.flush();
    inbox.close(Duration::from_secs(60))?;
    Ok(())
}
