//! What the inbox's writer and the relay tell each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

/// A committed row of the outbox.
#[derive(Debug)]
pub struct Row {
    /// Its number: rows are relayed in the order of numbers.
    pub id: i64,
    /// Its events, encoded.
    pub events: Vec<u8>,
}

/// What the relay says of a row.
#[derive(Debug)]
pub struct Finished {
    /// Which row.
    pub id: i64,
    /// What is left of it; `None`: nothing, it may be deleted.
    pub rest: Option<Rest>,
}

/// Events of a row that the broker refuses, or that wait behind such a one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// How many.
    pub events: u32,
    /// They, encoded.
    pub bytes: Vec<u8>,
    /// What the broker said, and the cure. Never a payload.
    pub why: String,
}

/// How much is between the two.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// Bytes of rows that were handed over and are not finished.
    pub(super) bytes: AtomicU64,
    /// Events on their way: neither acknowledged nor held back.
    pub(super) moving: AtomicU64,
}

/// The writer's end. Dropping it ends the relay.
#[derive(Debug)]
pub struct Outlet {
    rows: Sender<Row>,
    finished: Receiver<Finished>,
    load: Arc<Load>,
    most: u64,
}

/// The relay's end.
#[derive(Debug)]
pub struct Inlet {
    pub(super) rows: Receiver<Row>,
    pub(super) finished: Sender<Finished>,
    pub(super) load: Arc<Load>,
}

/// Both ends; `most` bytes of rows may be under way at once.
#[must_use]
pub fn outlet(most: u64) -> (Outlet, Inlet) {
    let ((rows, arriving), (leaving, finished)) = (unbounded(), unbounded());
    let load = Arc::new(Load::default());
    (Outlet { rows, finished, load: Arc::clone(&load), most }, Inlet { rows: arriving, finished: leaving, load })
}

/// For whoever stands in for the relay.
impl Inlet {
    /// The next row, if there is one.
    pub(crate) fn take(&self) -> Option<Row> {
        self.rows.try_recv().ok()
    }

    /// All events of a row have arrived.
    pub(crate) fn arrived(&self, row: &Row) {
        self.load.bytes.fetch_sub(row.events.len() as u64, Ordering::Relaxed);
        self.load.moving.fetch_sub(1, Ordering::Release);
        // A writer that is gone leaves the row in the file.
        drop(self.finished.send(Finished { id: row.id, rest: None }));
    }

    /// Nothing that was not acknowledged by now will be: whoever closes the other end need not wait for it.
    pub(crate) fn give_up(&self) {
        self.load.moving.store(0, Ordering::Release);
    }
}

impl Outlet {
    /// Whether there is room for another row. What has none stays in the file and is read again.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.load.bytes.load(Ordering::Relaxed) < self.most
    }

    /// Whether the relay has enough to be busy for a while.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.load.bytes.load(Ordering::Relaxed) > self.most / 4
    }

    /// Whether something is on its way that may still arrive.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        self.load.moving.load(Ordering::Acquire) > 0
    }

    /// Hands a row over. A relay that is gone says nothing more; its rows stay in the file.
    pub fn send(&self, row: Row) {
        self.load.bytes.fetch_add(row.events.len() as u64, Ordering::Relaxed);
        // Until the relay has counted the events, the row stands for one.
        self.load.moving.fetch_add(1, Ordering::Release);
        drop(self.rows.send(row));
    }

    /// Where finished rows come out.
    #[must_use]
    pub fn finished(&self) -> &Receiver<Finished> {
        &self.finished
    }

    /// The bytes that may be under way, which is also what may lie in the file before consumption pauses.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.most
    }
}
