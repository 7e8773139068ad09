//! The writer's share of the outbox: rows that commit with marks, the order in which the relay gets them, and their deletion.
//!
//! One process relays for a group at a time: the one that holds the lock on a file beside the inbox, which the kernel gives back when its
//! process dies, however it dies. It relays all rows of the group in the order of their commits, whichever process wrote them.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::fault::classify;
use super::group::{Items, Verdict};
use super::open::Store;
use super::schema;
use super::settings::SqliteSettings;
use super::shared::Shared;
use super::writer::{Gone, Writer};
use crate::inbox::InboxFact;
use crate::outbox::{Finished, Outlet, Post, Row};

/// How often it is looked whether there is something to relay, and whether the lock is free.
const LOOK: Duration = Duration::from_secs(1);
/// While it relays: how often it is looked for rows of other processes.
pub(super) const WATCH: Duration = Duration::from_millis(50);
/// The longest that a group waits for a busy relay.
const YIELD: Duration = Duration::from_millis(250);
/// Rows read at once.
const PAGE: i64 = 16;

/// What the writer knows of the outbox.
pub(super) struct Outgoing {
    outlet: Option<Outlet>,
    lock_path: PathBuf,
    /// Held: this process relays.
    lock: Option<File>,
    /// The relay has every row of the group up to here.
    cursor: i64,
    /// There may be rows behind the cursor that the relay was not given.
    behind: bool,
    looked: Option<Instant>,
    finished: Vec<Finished>,
    posts: Vec<Post>,
    /// In the file, of this group: as of the last look, and what this process changed since.
    pending: (u64, u64),
    complained: bool,
}

/// What a transaction did to the outbox.
#[derive(Default)]
pub(super) struct Sent {
    row: Option<(Row, u64)>,
    deleted: (u64, u64),
    finished: usize,
    posts: usize,
}

impl Outgoing {
    pub(super) fn new(settings: &SqliteSettings, outlet: Option<Outlet>) -> Self {
        let path = settings.path.canonicalize().unwrap_or_else(|_| settings.path.clone());
        let group = blake3::hash(settings.group.as_bytes()).to_hex();
        let mut name = path.into_os_string();
        name.push(format!("-relay-{}", &group[..8]));
        Self {
            outlet,
            lock_path: name.into(),
            lock: None,
            cursor: 0,
            behind: false,
            looked: None,
            finished: Vec::new(),
            posts: Vec::new(),
            pending: (0, 0),
            complained: false,
        }
    }

    pub(super) fn outlet(&self) -> Option<&Outlet> {
        self.outlet.as_ref()
    }

    /// Whether rows of other processes are to be watched for.
    pub(super) fn relays(&self) -> bool {
        self.lock.is_some()
    }

    /// Whether posts wait to be written.
    pub(super) fn posted(&self) -> bool {
        !self.posts.is_empty()
    }

    /// Whether rows wait to be deleted, or posts to be written.
    pub(super) fn waits(&self) -> bool {
        !self.finished.is_empty() || !self.posts.is_empty()
    }

    /// Lets a busy relay catch up a little: marks that come later use up the credit, which slows consumption down gently, where pausing
    /// would throw away what was fetched.
    pub(super) fn give_way(&mut self) {
        let until = Instant::now() + YIELD;
        while let Some(outlet) = self.outlet.as_ref().filter(|outlet| self.lock.is_some() && outlet.is_busy()) {
            match outlet.finished().recv_deadline(until) {
                Ok(finished) => self.finished.push(finished),
                Err(_) => return,
            }
        }
    }

    /// A row that the relay is done with.
    pub(super) fn finish(&mut self, finished: Option<Finished>) {
        self.finished.extend(finished);
    }

    pub(super) fn post(&mut self, posts: &mut Vec<Post>) {
        self.posts.append(posts);
    }

    /// Inside a transaction, before anything is written: what others have committed since the last look goes before ours.
    pub(super) fn see(&mut self, store: &Store) {
        self.behind |= self.lock.is_some() && store.relayed != store.seen;
    }

    fn has_room(&self) -> bool {
        self.outlet.as_ref().is_some_and(Outlet::has_room)
    }

    /// Writes one row with everything that a group publishes, and deletes what has arrived; inside the transaction.
    pub(super) fn write(&self, conn: &Connection, group: &str, items: Items<'_>, verdicts: &[Verdict], now: i64) -> rusqlite::Result<Sent> {
        let mut sent = Sent { finished: self.finished.len(), posts: self.posts.len(), ..Sent::default() };
        let (mut events, mut bytes) = (0_u64, Vec::new());
        if items.publishes() {
            let written = items.iter().zip(verdicts).filter(|(_, verdict)| matches!(verdict, Verdict::Write));
            for publishes in written.filter_map(|(item, _)| item.queued.mark.publishes.as_deref()) {
                events += u64::from(publishes.events);
                bytes.extend_from_slice(&publishes.bytes);
            }
        }
        for post in &self.posts {
            events += u64::from(post.events.events);
            bytes.extend_from_slice(&post.events.bytes);
        }
        if events > 0 {
            let id = schema::allocate(conn, 1)?;
            let count = i64::try_from(events).unwrap_or(i64::MAX);
            conn.prepare_cached("INSERT INTO onceward_outbox(id, consumer_group, written, events, records) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute((id, group, now, count, &bytes))?;
            sent.row = Some((Row { id, events: bytes }, events));
        }
        for Finished { id, rest } in &self.finished {
            let before: Option<(u64, u64)> = {
                let mut find = conn.prepare_cached("SELECT events, length(records) FROM onceward_outbox WHERE id = ?1")?;
                let mut rows = find.query([id])?;
                rows.next()?.map(|row| Ok::<_, rusqlite::Error>((unsigned(row, 0)?, unsigned(row, 1)?))).transpose()?
            };
            let Some(before) = before else { continue };
            let after =
                match rest {
                    None => {
                        conn.prepare_cached("DELETE FROM onceward_outbox WHERE id = ?1")?.execute([id])?;
                        (0, 0)
                    }
                    Some(rest) => {
                        conn.prepare_cached("UPDATE onceward_outbox SET events = ?2, records = ?3, refused = ?4 WHERE id = ?1")?
                            .execute((id, rest.events, &rest.bytes, &rest.why))?;
                        (u64::from(rest.events), rest.bytes.len() as u64)
                    }
                };
            sent.deleted.0 += before.0.saturating_sub(after.0);
            sent.deleted.1 += before.1.saturating_sub(after.1);
        }
        Ok(sent)
    }

    /// The transaction is durable.
    pub(super) fn committed(&mut self, sent: Sent, shared: &Shared) {
        self.finished.drain(..sent.finished.min(self.finished.len()));
        for post in self.posts.drain(..sent.posts.min(self.posts.len())) {
            // Whoever asked may have stopped waiting.
            post.durable.send(()).unwrap_or_default();
        }
        let (events, bytes) = &mut self.pending;
        *events = events.saturating_sub(sent.deleted.0);
        *bytes = bytes.saturating_sub(sent.deleted.1);
        if let Some((row, count)) = sent.row {
            *events += count;
            *bytes += row.events.len() as u64;
            if self.lock.is_none() {
                // Soon, and not at the next look only.
                self.looked = None;
            }
            if self.lock.is_none() || self.behind || !self.has_room() {
                self.behind = true;
            } else if let Some(outlet) = &self.outlet {
                self.cursor = row.id;
                outlet.send(row);
            }
        }
        self.weigh(shared);
    }

    /// Says when there is too much, and when there is room again.
    fn weigh(&self, shared: &Shared) {
        let (events, bytes) = self.pending;
        shared.counters.outbox_pending.store(events, Ordering::Relaxed);
        if events == 0 {
            shared.counters.outbox_oldest.store(0, Ordering::Relaxed);
        }
        let Some(most) = self.outlet.as_ref().map(Outlet::most) else { return };
        if bytes > most && shared.outbox_full(true) {
            shared.say(InboxFact::OutboxFull { events });
        } else if bytes <= most / 2 && shared.outbox_full(false) {
            shared.say(InboxFact::OutboxRoom);
        }
    }
}

impl Writer {
    /// Keeps the relay supplied. Called between groups.
    pub(super) fn relay(&mut self) -> Result<(), Gone> {
        let Some(outlet) = self.outgoing.outlet() else { return Ok(()) };
        let finished: Vec<Finished> = outlet.finished().try_iter().collect();
        self.outgoing.finished.extend(finished);
        if self.outgoing.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.look()?;
        }
        while self.outgoing.relays() && self.outgoing.behind && self.outgoing.has_room() {
            self.fetch()?;
        }
        Ok(())
    }

    /// Rows of other processes, if there are new ones.
    pub(super) fn watch(&mut self) -> Result<(), Gone> {
        if !self.outgoing.relays() || self.outgoing.behind {
            return Ok(());
        }
        let path = self.path.clone();
        let changed = self.insist(|_, store| {
            let version = data_version(&store.conn).map_err(|error| classify(&path, &error))?;
            Ok(store.relayed != Some(version))
        })?;
        self.outgoing.behind |= changed;
        Ok(())
    }

    fn look(&mut self) -> Result<(), Gone> {
        self.outgoing.looked = Some(Instant::now());
        let (path, group) = (self.path.clone(), self.settings.group.clone());
        let (events, bytes, oldest) = self.insist(|_, store| totals(&store.conn, &group).map_err(|error| classify(&path, &error)))?;
        self.outgoing.pending = (events, bytes);
        self.shared.counters.outbox_oldest.store(oldest.unwrap_or(0), Ordering::Relaxed);
        self.outgoing.weigh(&self.shared);
        if events > 0 && self.outgoing.lock.is_none() {
            self.outgoing.take_lock();
        }
        Ok(())
    }

    fn fetch(&mut self) -> Result<(), Gone> {
        let (path, group, cursor) = (self.path.clone(), self.settings.group.clone(), self.outgoing.cursor);
        let (rows, last) = self.insist(|_, store| page(store, &group, cursor).map_err(|error| classify(&path, &error)))?;
        self.outgoing.behind = !last;
        for row in rows {
            self.outgoing.cursor = row.id;
            if let Some(outlet) = self.outgoing.outlet() {
                outlet.send(row);
            }
        }
        Ok(())
    }

    /// At close: waits until what is under way has arrived, and says what is left.
    pub(super) fn relay_rest(&mut self) -> Result<(), Gone> {
        self.outgoing.looked = None;
        self.relay()?;
        let until = self.shared.relay_until();
        loop {
            let (busy, finished) = match self.outgoing.outlet() {
                Some(outlet) if self.outgoing.relays() => {
                    let busy = outlet.is_moving() || (self.outgoing.behind && outlet.has_room());
                    (busy, outlet.finished().recv_timeout(if busy { WATCH } else { Duration::ZERO }).ok())
                }
                _ => break,
            };
            let heard = finished.is_some();
            finished.into_iter().for_each(|finished| self.outgoing.finished.push(finished));
            self.relay()?;
            if (!busy && !heard) || until.is_none_or(|until| Instant::now() >= until) {
                break;
            }
        }
        if self.outgoing.waits() {
            self.decide(Items::NONE, true)?;
        }
        self.outgoing.looked = None;
        if self.outgoing.outlet().is_some() {
            self.look()?;
        }
        let (events, _) = self.outgoing.pending;
        if events > 0 {
            tracing::warn!(target: "onceward", inbox = %self.path, events,
                "events of the outbox are not sent yet; they stay in the inbox's file and are sent at the next start, or by another process of this group");
        }
        Ok(())
    }
}

impl Outgoing {
    fn take_lock(&mut self) {
        let opened = File::options().create(true).truncate(false).write(true).open(&self.lock_path);
        let taken = opened.and_then(|file| match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        });
        match taken {
            Ok(None) => {}
            Ok(lock) => {
                (self.lock, self.cursor, self.behind) = (lock, 0, true);
                tracing::debug!(target: "onceward", lock = %self.lock_path.display(), "this process relays the outbox of its group");
            }
            Err(error) => {
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::error!(target: "onceward", lock = %self.lock_path.display(), %error,
                        "the outbox can't be relayed without this file; make the inbox's folder writable for this user. Nothing is lost");
                }
            }
        }
    }
}

fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0))
}

fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

fn totals(conn: &Connection, group: &str) -> rusqlite::Result<(u64, u64, Option<i64>)> {
    let sql =
        "SELECT COALESCE(SUM(events), 0), COALESCE(SUM(length(records)), 0), MIN(written) FROM onceward_outbox WHERE consumer_group = ?1";
    conn.prepare_cached(sql)?.query_row([group], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?, row.get(2)?)))
}

/// The next rows behind the cursor, and whether these are all.
fn page(store: &mut Store, group: &str, cursor: i64) -> rusqlite::Result<(Vec<Row>, bool)> {
    // Asked first: what is committed in between is found again.
    let version = data_version(&store.conn)?;
    let sql = "SELECT id, records FROM onceward_outbox WHERE consumer_group = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let mut find = store.conn.prepare_cached(sql)?;
    let rows: Vec<Row> =
        find.query_map((group, cursor, PAGE), |row| Ok(Row { id: row.get(0)?, events: row.get(1)? }))?.collect::<rusqlite::Result<_>>()?;
    drop(find);
    let last = i64::try_from(rows.len()).unwrap_or(PAGE) < PAGE;
    if last {
        store.relayed = Some(version);
    }
    Ok((rows, last))
}
