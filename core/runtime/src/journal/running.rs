//! The slots of handlers: who is in whose hands now.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::name::Name;
use super::page::{self, Line, Page};

/// What this process writes while handlers run. The lock on its file lives as long as any of them.
#[derive(Debug)]
pub(crate) struct Running {
    pub(super) page: Page,
    free: Mutex<Vec<u32>>,
    /// Events that began alone so far.
    began_alone: AtomicU64,
    _lock: File,
}

/// The slot of one task, which polls one handler after the other.
#[derive(Debug)]
pub(crate) struct Seat {
    running: Arc<Running>,
    slot: u32,
}

impl Running {
    pub(super) fn new(page: Page, lock: File) -> Arc<Self> {
        let free = (0..u32::try_from(page.slots()).unwrap_or(u32::MAX)).rev().collect();
        Arc::new(Self { page, free: Mutex::new(free), began_alone: AtomicU64::new(0), _lock: lock })
    }

    /// A slot; `None` when all are taken, as by handlers that never end. Who has none can't be suspected.
    pub(crate) fn seat(self: &Arc<Self>) -> Option<Seat> {
        let slot = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Seat { running: Arc::clone(self), slot })
    }
}

impl Seat {
    /// A handler begins with this event; what it had in hands before has ended.
    #[inline]
    pub(crate) fn begin(&self, name: Name, alone: bool) {
        let count = &self.running.began_alone;
        let number = if alone { count.fetch_add(1, Ordering::AcqRel).saturating_add(1) } else { count.load(Ordering::Acquire) };
        page::write(self.running.page.running(self.slot as usize), &Line { name, alone, number, since: 0 });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        page::clear(self.running.page.running(self.slot as usize));
        self.running.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
    }
}
