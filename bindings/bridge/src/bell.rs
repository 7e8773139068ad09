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
        if !self.rung.swap(true, Ordering::SeqCst) {
            // A full socket has rung, too.
            (&self.near).write(&[1]).unwrap_or_default();
        }
    }

    /// Somebody has come: from now on it rings anew. To be called before the queue is looked at.
    ///
    /// The byte goes first. The other way round, a ring in between would be read away and still count as rung: nobody would come any more.
    pub(crate) fn silence(&self) {
        let mut bytes = [0; 64];
        while (&self.far).read(&mut bytes).is_ok_and(|read| read == bytes.len()) {}
        self.rung.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::AtomicU64;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn every_ring_is_heard_or_the_one_before_it_is_not_over() {
        let (bell, rings) = (Arc::new(Bell::new().unwrap()), Arc::new(AtomicU64::new(0)));
        let (theirs, count) = (Arc::clone(&bell), Arc::clone(&rings));
        let last = 20_000;
        let ringer = std::thread::spawn(move || {
            for number in 1..=last {
                count.store(number, Ordering::SeqCst);
                theirs.ring();
            }
        });
        // As an event loop does it: woken by a byte, silenced, looked.
        let far = Mutex::new(bell.far.try_clone().unwrap());
        let mut seen = 0;
        while seen < last {
            let far = far.lock().unwrap();
            far.set_nonblocking(false).unwrap();
            far.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
            let woken = (&*far).read(&mut [0; 1]);
            far.set_nonblocking(true).unwrap();
            assert!(woken.is_ok(), "nobody rang after {seen} of {last}");
            bell.silence();
            seen = rings.load(Ordering::SeqCst);
        }
        ringer.join().unwrap();
    }
}
