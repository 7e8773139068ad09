//! The positions of partitions, one row each per group, and who owns them.
//!
//! The owner number is the fence between machines. Whoever is assigned a partition raises it, which waits for a transaction of the
//! member before that holds the row; from then on no transaction of that member marks anything of the partition.

use onceward_engine::{Epoch, Offset};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use crate::inbox::PartitionName;
use crate::inbox::place::Position;
use crate::inbox::ranges::OffsetRanges;

/// A partition that this process was assigned.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) name: PartitionName,
    pub(super) epoch: Epoch,
    pub(super) position: Position,
    /// Our number.
    pub(super) owner: i64,
    /// Another member has a higher one.
    pub(super) superseded: bool,
    /// Whether the row lags behind.
    pub(super) dirty: bool,
}

fn position(committed: Option<i64>, handled: &[u8]) -> Position {
    // Bytes that we never write mean a damaged row; an empty set handles again instead of losing anything.
    Position { committed: committed.map(Offset), handled: OffsetRanges::decode(handled).unwrap_or_default() }
}

/// Takes a partition over, and loads what is known of it; says whether the topic was made again since.
pub(super) async fn claim(client: &Client, group: &str, name: &PartitionName, epoch: Epoch) -> Result<(Kept, bool), Error> {
    let row = client
        .query_typed_one(
            "INSERT INTO onceward_position AS p (consumer_group, topic, partition, topic_id, committed, handled, owner) \
             VALUES ($1, $2, $3, $4, NULL, $5, 1) ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET owner = p.owner + 1 \
             RETURNING topic_id, committed, handled, owner",
            &[
                (&group, Type::TEXT),
                (&name.topic.as_ref(), Type::TEXT),
                (&name.number, Type::INT4),
                (&name.topic_id.as_slice(), Type::BYTEA),
                (&OffsetRanges::default().encode(), Type::BYTEA),
            ],
        )
        .await?;
    let stored: [u8; 16] = row.try_get::<_, &[u8]>(0)?.try_into().unwrap_or_default();
    let owner = row.try_get(3)?;
    let mut kept = Kept { name: name.clone(), epoch, position: Position::default(), owner, superseded: false, dirty: false };
    let unknown = [0; 16];
    let recreated = stored != unknown && name.topic_id != unknown && stored != name.topic_id;
    if recreated {
        kept.dirty = true;
    } else {
        kept.position = position(row.try_get(1)?, row.try_get(2)?);
        if name.topic_id == unknown {
            kept.name.topic_id = stored;
        } else if stored == unknown {
            kept.dirty = true;
        }
    }
    Ok((kept, recreated))
}

/// Reads what a transaction of ours, of which nobody knows whether it happened, has written.
pub(super) async fn read_back(client: &Client, group: &str, kept: &mut Kept) -> Result<(), Error> {
    let row = client
        .query_typed_opt(
            "SELECT committed, handled FROM onceward_position WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND owner = $4",
            &[(&group, Type::TEXT), (&kept.name.topic.as_ref(), Type::TEXT), (&kept.name.number, Type::INT4), (&kept.owner, Type::INT8)],
        )
        .await?;
    match row {
        // The row of a topic that was made again is of another topic until we have written ours.
        Some(row) if !kept.dirty || kept.position.committed.is_some() => kept.position.join(&position(row.try_get(0)?, row.try_get(1)?)),
        Some(_) => {}
        None => kept.superseded = true,
    }
    Ok(())
}

/// Writes a row, if it is still ours.
pub(super) async fn write(client: &Client, group: &str, kept: &Kept, position: &Position) -> Result<(), Error> {
    client
        .execute_typed(
            "UPDATE onceward_position SET topic_id = $5, committed = $6, handled = $7 \
             WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND owner = $4",
            &[
                (&group, Type::TEXT),
                (&kept.name.topic.as_ref(), Type::TEXT),
                (&kept.name.number, Type::INT4),
                (&kept.owner, Type::INT8),
                (&kept.name.topic_id.as_slice(), Type::BYTEA),
                (&position.committed.map(|offset| offset.0), Type::INT8),
                (&position.handled.encode(), Type::BYTEA),
            ],
        )
        .await?;
    Ok(())
}
