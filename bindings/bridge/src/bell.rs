//! Wakes an event loop: by a file descriptor that it watches, or by a function that posts to it. Nobody has to call into it.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rings once, until somebody comes.
pub(crate) struct Bell {
    means: Means,
    rung: AtomicBool,
}

enum Means {
    /// A pair of sockets. The far end becomes readable when the bell rings.
    Sockets { near: UnixStream, far: UnixStream },
    /// Called from any thread of ours, so it must neither wait nor run anything of the host.
    Post(Box<dyn Fn() + Send + Sync>),
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok(Self { means: Means::Sockets { near, far }, rung: AtomicBool::new(false) })
    }

    pub(crate) fn post(call: Box<dyn Fn() + Send + Sync>) -> Self {
        Self { means: Means::Post(call), rung: AtomicBool::new(false) }
    }

    /// What the event loop watches, if it is that kind of bell.
    pub(crate) fn descriptor(&self) -> Option<RawFd> {
        match &self.means {
            Means::Sockets { far, .. } => Some(far.as_raw_fd()),
            Means::Post(_) => None,
        }
    }

    /// Once is enough until somebody comes.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            match &self.means {
                // A full socket has rung, too.
                Means::Sockets { near, .. } => drop((&mut &*near).write(&[1])),
                Means::Post(call) => call(),
            }
        }
    }

    /// Somebody has come: from now on it rings anew. To be called before the queue is looked at.
    ///
    /// The byte goes first. The other way round, a ring in between would be read away and still count as rung: nobody would come any more.
    pub(crate) fn silence(&self) {
        if let Means::Sockets { far, .. } = &self.means {
            let mut bytes = [0; 64];
            while (&mut &*far).read(&mut bytes).is_ok_and(|read| read == bytes.len()) {}
        }
        self.rung.store(false, Ordering::SeqCst);
    }
}

impl std::fmt::Debug for Bell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Bell").field("descriptor", &self.descriptor()).field("rung", &self.rung).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_bell_that_posts_does_so_once_until_somebody_came() {
        let posted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&posted);
        let bell = Bell::post(Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        (0..3).for_each(|_| bell.ring());
        assert_eq!(posted.load(Ordering::SeqCst), 1, "an event loop would drown in posts");
        bell.silence();
        bell.ring();
        assert_eq!(posted.load(Ordering::SeqCst), 2, "nobody would come any more");
        assert_eq!(bell.descriptor(), None);
    }

    /// On a machine with less than two cores to give, the other side would wait for the end of a time slice each time.
    fn patient(waited: &mut u32) {
        *waited += 1;
        if waited.is_multiple_of(1_000) { std::thread::yield_now() } else { std::hint::spin_loop() }
    }

    #[test]
    fn a_ring_while_the_bell_is_silenced_is_not_lost() {
        let (bell, rings, heard) = (Arc::new(Bell::new().unwrap()), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (theirs, count, answer) = (Arc::clone(&bell), Arc::clone(&rings), Arc::clone(&heard));
        let last = 200_000;
        let ringer = std::thread::spawn(move || {
            for number in 1..=last {
                // Now sooner, now later after the first.
                (0..if number % 2 == 0 { number % 997 * 4 } else { 0 }).for_each(|_| std::hint::spin_loop());
                count.store(number, Ordering::SeqCst);
                theirs.ring();
                // Two at a time: the second meets the silence after the first. Then nothing rings until it was heard.
                let mut waited = 0;
                while number % 2 == 0 && answer.load(Ordering::SeqCst) < number {
                    patient(&mut waited);
                }
            }
        });
        // As an event loop does it: woken when there is something to read, silenced, looked.
        while heard.load(Ordering::SeqCst) < last {
            let until = Instant::now() + Duration::from_secs(5);
            let Means::Sockets { far, .. } = &bell.means else { unreachable!("it is a pair of sockets") };
            let mut waited = 0;
            while (&mut &*far).read(&mut [0; 1]).is_err() {
                patient(&mut waited);
                assert!(Instant::now() < until, "nobody rang after {} of {last}", heard.load(Ordering::SeqCst));
            }
            bell.silence();
            heard.store(rings.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        ringer.join().unwrap();
    }
}
