//! Look-ups that memory can't answer: whatever waits is asked with one query.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use onceward_engine::Digest;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use super::connect::{Server, Session};
use super::fault::{Fault, classify};
use super::shared::{Ask, READING, Shared};
use super::writer::{BACKOFF, PATIENCE};
use crate::inbox::InboxFact;
use crate::inbox::recent::IdMap;

/// The most ids of one query.
const MOST: usize = 16_384;

/// The reader's state.
pub(super) struct Reader {
    pub(super) server: Arc<Server>,
    pub(super) group: String,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) session: Option<Session>,
}

impl Reader {
    pub(super) async fn run(mut self, mut asks: UnboundedReceiver<Vec<Ask>>) {
        while let Some(first) = asks.recv().await {
            let mut together = first;
            while together.len() < MOST
                && let Ok(mut more) = asks.try_recv()
            {
                together.append(&mut more);
            }
            let Some(found) = self.insist(&together).await else { return };
            let answers = together.into_iter().map(|Ask { delivery, id }| (delivery, found.get(&id).copied())).collect();
            self.shared.say(InboxFact::LookedUp(answers));
        }
    }

    /// Asks until it is answered. `None`: the inbox is closed, or its tables are gone.
    async fn insist(&mut self, asks: &[Ask]) -> Option<IdMap<Digest>> {
        let ids: Vec<Uuid> = asks.iter().map(|ask| Uuid::from_u128(ask.id)).collect();
        self.shared.counters.reads.fetch_add(ids.len() as u64, Ordering::Relaxed);
        let mut backoff = BACKOFF.0;
        loop {
            let mut stop = self.stop.clone();
            let asked = tokio::select! {
                asked = tokio::time::timeout(PATIENCE, self.ask(&ids)) => asked,
                _ = stop.wait_for(|stop| *stop) => return None,
            };
            let why = match asked {
                Ok(Ok(found)) => {
                    self.shared.up(READING);
                    return Some(found);
                }
                Ok(Err(error)) => match classify(&self.server.name, &error) {
                    Fault::Broken(error) => {
                        self.shared.say(InboxFact::Broken(error));
                        return None;
                    }
                    Fault::Busy(why) | Fault::Down(why) => why,
                },
                Err(_) => format!("{}: no answer for {} seconds", self.server.name, PATIENCE.as_secs()),
            };
            self.session = None;
            self.shared.down(READING, why);
            tokio::select! {
                () = tokio::time::sleep(backoff) => {}
                _ = stop.wait_for(|stop| *stop) => return None,
            }
            backoff = backoff.saturating_mul(2).min(BACKOFF.1);
        }
    }

    async fn ask(&mut self, ids: &[Uuid]) -> Result<IdMap<Digest>, Error> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.server.connect().await?,
        };
        let found = digests(&session.client, &self.group, ids).await?;
        self.session = Some(session);
        Ok(found)
    }
}

/// The digests of those ids that are marked.
pub(super) async fn digests(client: &Client, group: &str, ids: &[Uuid]) -> Result<IdMap<Digest>, Error> {
    let rows = client
        .query_typed(
            "SELECT id, digest FROM onceward_mark WHERE consumer_group = $1 AND id = ANY($2)",
            &[(&group, Type::TEXT), (&ids, Type::UUID_ARRAY)],
        )
        .await?;
    let mut found = IdMap::default();
    for row in rows {
        found.insert(row.try_get::<_, Uuid>(0)?.as_u128(), Digest(row.try_get::<_, i32>(1)?.cast_unsigned()));
    }
    Ok(found)
}

/// A wait before the next attempt that no two processes share.
pub(super) fn jittered(wait: Duration, number: u64) -> Duration {
    wait.mul_f64(0.75 + f64::from(u32::try_from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40).unwrap_or(0)) / f64::from(1 << 25))
}
