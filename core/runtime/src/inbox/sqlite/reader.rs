//! The thread that answers look-ups which memory can't.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use onceward_engine::{DeliveryId, Digest};

use super::fault::{Busy, Fault, classify};
use super::finder::Finder;
use super::open::{self, Store};
use super::settings::SqliteSettings;
use super::shared::{Ask, READING, Shared};
use crate::inbox::{InboxError, InboxFact};

/// Look-ups answered within one snapshot.
const MOST: usize = 4_096;

/// The reader's state.
pub(super) struct Reader {
    pub(super) settings: SqliteSettings,
    pub(super) path: String,
    pub(super) instance: String,
    pub(super) shared: Arc<Shared>,
    pub(super) store: Option<Store>,
    pub(super) finder: Finder,
    pub(super) stop: Receiver<()>,
}

impl Reader {
    /// Runs until nobody can ask any more.
    pub(super) fn run(mut self, asks: &Receiver<Vec<Ask>>) {
        while let Ok(mut group) = asks.recv() {
            while group.len() < MOST
                && let Ok(mut more) = asks.try_recv()
            {
                group.append(&mut more);
            }
            if !self.answer(&group) {
                return;
            }
        }
    }

    fn answer(&mut self, asks: &[Ask]) -> bool {
        let mut backoff = Duration::from_millis(100);
        let mut busy = Busy::default();
        loop {
            let began = Instant::now();
            let fault = match self.look(asks) {
                Ok(answers) => {
                    self.shared.counters.reads.fetch_add(asks.len() as u64, Ordering::Relaxed);
                    self.shared.up(READING);
                    self.shared.say(InboxFact::LookedUp(answers));
                    return true;
                }
                // `again` says so when another file lies in its place.
                Err(rusqlite::Error::InvalidQuery) => Fault::Broken(InboxError::Store {
                    path: self.path.clone(),
                    detail: "another inbox was put in its place while it was in use; start again".to_owned(),
                }),
                Err(error) => classify(&self.path, &error),
            };
            self.store = None;
            match fault {
                Fault::Busy => {
                    if let Some(why) = busy.again(&self.path, began) {
                        self.shared.down(READING, why);
                    }
                }
                Fault::Down(why) => {
                    busy.over();
                    self.shared.down(READING, why);
                }
                Fault::Broken(error) => {
                    self.shared.say(InboxFact::Broken(error));
                    return false;
                }
            }
            if !matches!(self.stop.recv_timeout(backoff), Err(RecvTimeoutError::Timeout)) {
                return false;
            }
            backoff = backoff.saturating_mul(2).min(Duration::from_secs(5));
        }
    }

    fn look(&mut self, asks: &[Ask]) -> rusqlite::Result<Vec<(DeliveryId, Option<Digest>)>> {
        let store = match self.store.take() {
            Some(store) => store,
            None => open::again(&self.settings, &self.instance)?,
        };
        store.conn.prepare_cached("BEGIN")?.execute([])?;
        self.finder.refresh(&store.conn, &self.shared, None)?;
        self.finder.borrow_filters(&self.shared);
        let answers = asks.iter().map(|ask| Ok((ask.delivery, self.finder.find(&store.conn, ask.id)?))).collect();
        store.commit()?;
        self.store = Some(store);
        answers
    }
}
