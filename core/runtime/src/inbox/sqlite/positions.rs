//! The positions of partitions, one row each per group.

use rusqlite::{Connection, OptionalExtension, Result};

use onceward_engine::{Epoch, Offset};

use crate::inbox::PartitionName;
use crate::inbox::place::Position;
use crate::inbox::ranges::OffsetRanges;

/// A partition that this process was assigned.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) name: PartitionName,
    pub(super) epoch: Epoch,
    pub(super) position: Position,
    /// How often the row was written, by anybody: tells whether another process did.
    pub(super) revision: i64,
    /// Whether the row lags behind.
    pub(super) dirty: bool,
}

struct Row {
    topic_id: [u8; 16],
    position: Position,
    revision: i64,
}

fn read(conn: &Connection, group: &str, name: &PartitionName) -> Result<Option<Row>> {
    conn.prepare_cached(
        "SELECT topic_id, committed, handled, revision FROM onceward_position WHERE consumer_group = ?1 AND topic = ?2 AND partition = ?3",
    )?
    .query_row((group, name.topic.as_ref(), name.number), |row| {
        let topic_id = row.get_ref(0)?.as_blob()?.try_into().unwrap_or_default();
        let committed: Option<i64> = row.get(1)?;
        // Bytes that we never write mean a damaged row; an empty set handles again instead of losing anything.
        let handled = OffsetRanges::decode(row.get_ref(2)?.as_blob()?).unwrap_or_default();
        Ok(Row { topic_id, position: Position { committed: committed.map(Offset), handled }, revision: row.get(3)? })
    })
    .optional()
}

/// Loads what is known of a partition; says whether the topic was made again since.
pub(super) fn load(conn: &Connection, group: &str, name: &PartitionName, epoch: Epoch) -> Result<(Kept, bool)> {
    let mut kept = Kept { name: name.clone(), epoch, position: Position::default(), revision: 0, dirty: false };
    let Some(row) = read(conn, group, name)? else { return Ok((kept, false)) };
    kept.revision = row.revision;
    let unknown = [0; 16];
    let recreated = row.topic_id != unknown && name.topic_id != unknown && row.topic_id != name.topic_id;
    if recreated {
        kept.dirty = true;
    } else {
        kept.position = row.position;
        if name.topic_id == unknown {
            kept.name.topic_id = row.topic_id;
        }
    }
    Ok((kept, recreated))
}

impl Kept {
    /// Takes in what another process wrote since we last saw the row.
    pub(super) fn refresh(&mut self, conn: &Connection, group: &str) -> Result<()> {
        if let Some(row) = read(conn, group, &self.name)?
            && row.revision != self.revision
        {
            self.revision = row.revision;
            if row.topic_id == self.name.topic_id {
                self.position.join(&row.position);
            }
        }
        Ok(())
    }

    /// Writes the row, with a position that becomes ours when the transaction commits.
    pub(super) fn write(&self, conn: &Connection, group: &str, position: &Position) -> Result<()> {
        conn.prepare_cached("INSERT OR REPLACE INTO onceward_position VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute((
            group,
            self.name.topic.as_ref(),
            self.name.number,
            self.name.topic_id,
            position.committed.map(|offset| offset.0),
            position.handled.encode(),
            self.revision.saturating_add(1),
        ))?;
        Ok(())
    }

    /// The transaction that held [`Kept::write`] is durable.
    pub(super) fn written(&mut self, position: Position) {
        self.position = position;
        self.revision = self.revision.saturating_add(1);
        self.dirty = false;
    }
}
