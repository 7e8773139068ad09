//! Wakes an event loop that watches a file descriptor: nobody has to call into it.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

/// A pair of sockets. The far end becomes readable when the bell rings.
#[derive(Debug)]
pub(crate) struct Bell {
    near: UnixStream,
    far: UnixStream,
    rung: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok(Self { near, far, rung: AtomicBool::new(false) })
    }

    /// What the event loop watches.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.far.as_raw_fd()
    }

    /// Once is enough until somebody comes.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // A full socket has rung, too.
            (&self.near).write(&[1]).unwrap_or_default();
        }
    }

    /// Somebody has come: from now on it rings anew. To be called before the queue is looked at.
    pub(crate) fn silence(&self) {
        self.rung.store(false, Ordering::Release);
        let mut bytes = [0; 64];
        while (&self.far).read(&mut bytes).is_ok_and(|read| read == bytes.len()) {}
    }
}
