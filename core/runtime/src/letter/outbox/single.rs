//! One at a time: what a broker may have refused for its company.
//!
//! A topic's `max.message.bytes` limits a *batch*, and the client does not take a refused one apart. Letters that travelled together may be
//! refused although each of them fits, again and again, since what failed together is tried again together. So what was refused for its
//! size is sent once more with nothing else on its way, and only that answer is believed. Whatever comes meanwhile waits behind it.

use std::collections::VecDeque;
use std::sync::PoisonError;

use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::Producer as _;

use super::{Outbox, State};

/// Who waits to be sent alone, and who is.
#[derive(Default)]
pub(super) struct Single {
    queue: VecDeque<usize>,
    one: Option<usize>,
}

impl Single {
    /// Whether everything has to queue.
    pub(super) fn is_on(&self) -> bool {
        self.one.is_some() || !self.queue.is_empty()
    }

    pub(super) fn add(&mut self, token: usize) {
        self.queue.push_back(token);
    }

    /// An answer came; whether to somebody who was alone.
    pub(super) fn answered(&mut self, token: usize) -> bool {
        self.one.take_if(|one| *one == token).is_some()
    }
}

impl Outbox {
    /// Sends the next one as soon as nothing is on its way.
    pub(super) fn send_one(&self) {
        let refused = {
            let mut state = self.lock();
            let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
            // Whoever sends holds the same lock, so nobody joins between this look and the sending.
            let Some(client) = client.as_deref().filter(|client| state.single.one.is_none() && client.in_flight_count() == 0) else {
                return;
            };
            let State { single, pending, .. } = &mut *state;
            let Some((token, item)) =
                std::iter::from_fn(|| single.queue.pop_front()).find_map(|token| Some((token, &pending.get(&token)?.item)))
            else {
                return;
            };
            single.one = Some(token);
            item.produce(client, token).err().map(|code| (token, code))
        };
        if let Some((token, code)) = refused {
            self.failed(token, code);
        }
    }
}

/// Whether it was refused for its size, or for that of its batch.
pub(super) fn is_size(code: Code) -> bool {
    matches!(code, Code::MessageSizeTooLarge | Code::InvalidMessageSize)
}
