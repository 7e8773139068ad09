//! Everything that talks to Kafka.
//!
//! One OS thread owns the consumer and polls; it never waits for a handler. Rebalance callbacks run on it and only take notes: a revoked
//! partition is given back when the engine says so ([`SourceOrder::Release`]), while polling goes on.

mod batch;
mod close;
mod commit;
pub(crate) mod connect;
pub(crate) mod context;
mod diagnose;
mod disown;
pub(crate) mod fault;
mod flow;
mod identity;
mod inquire;
mod json;
mod pause;
mod poll;
mod properties;
mod property;
mod rebalance;
mod routing;
mod source;
mod start;
mod stash;
mod subscribe;
pub(crate) mod sys;
mod table;
pub(crate) mod token;
pub(crate) mod tokens;

pub use batch::{Batch, BatchBuilder, Begun, Fields, Header, Record, RecordMeta};
pub use connect::{Unanswered, admin, metadata};
pub use identity::{Identified, Identifier};
pub(crate) use identity::{coordinates, key_hash};
pub use inquire::{Standing, protocol, standing};
pub use properties::{consumer as consumer_properties, producer as producer_properties};
pub use property::{Client, Property, defaults, owned};
pub(crate) use rebalance::begin;
pub use routing::{Routing, TypeSource, Unrouted};
pub use source::Source;
pub(crate) use source::Subscriber;
pub(crate) use start::Start;

use std::sync::Arc;
use std::time::Duration;

use onceward_engine::{Epoch, Offset, PartitionId, PolicyId};

use crate::inbox::PartitionName;

/// Where events get their identity from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// `onceward-id`, else CloudEvents (`ce_source` + `ce_id`, or the structured form), else coordinates.
    Automatic,
    /// A header's value; the record's coordinates where it is missing.
    Header(String),
    /// A JSON pointer into the value.
    Json(String),
    /// Topic id, partition and offset: knows redeliveries, not producers that send twice.
    Coordinates,
}

/// Whether the same id in two topics is the same event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DedupScope {
    /// No: ids count within their topic (default).
    Topic,
    /// Yes: ids count within the group.
    Group,
}

/// Where the order key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The record's key (default).
    Key,
    /// A header's value.
    Header(String),
    /// A JSON pointer into the value.
    Json(String),
}

/// Where to start in a partition that the group has not committed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the oldest record.
    Earliest,
    /// Behind the newest record.
    Latest,
    /// Nowhere: the partition is refused with an error.
    Error,
}

/// One subscribed topic.
#[derive(Clone, Debug)]
pub struct TopicSettings {
    /// Its name.
    pub name: String,
    /// How its events are treated; with a [`Routing`], what concerns a partition as a whole.
    pub policy: PolicyId,
    /// Where their ids come from.
    pub identity: IdentitySource,
    /// The scope of the ids.
    pub scope: DedupScope,
    /// Where their order key comes from.
    pub order_key: KeySource,
    /// Where their type comes from.
    pub event_type: TypeSource,
    /// Which handler is for which type, when there are several.
    pub routing: Option<Routing>,
    /// The pattern that it was found by; `None`: a handler names it.
    pub pattern: Option<Arc<str>>,
}

impl TopicSettings {
    /// As handlers and configuration call it: by its name, or by the pattern.
    pub(crate) fn called(&self) -> &str {
        self.pattern.as_deref().unwrap_or(&self.name)
    }

    /// What a topic has that a pattern's settings were found to match.
    pub(crate) fn found(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }
}

/// A topic that is subscribed while the consumer runs.
#[derive(Clone, Debug)]
pub struct NewTopic {
    /// As its pattern says.
    pub settings: TopicSettings,
    /// How many partitions its companions were checked for.
    pub partitions: i32,
    /// It was made while this process ran: it has no past that anybody could want to skip.
    pub fresh: bool,
}

/// What the poll thread needs to know.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// librdkafka properties, complete and final (ours and the user's).
    pub client: Vec<(String, String)>,
    /// The group: part of every id's scope.
    pub group: String,
    /// Topics to subscribe.
    pub topics: Vec<TopicSettings>,
    /// Where to start without a committed offset.
    pub reset: OffsetReset,
    /// How long giving a partition back may take before the poll thread gives up on the driver.
    pub drain: Duration,
    /// A fetched batch is handed over at this many records…
    pub batch_records: usize,
    /// …or bytes, or as soon as nothing more is queued.
    pub batch_bytes: usize,
    /// Batches handed over and not yet taken, before the poll thread holds back.
    pub batches_ahead: usize,
}

/// What the poll thread reports.
#[derive(Debug)]
pub enum SourceFact {
    /// The group gave us a partition; records of it follow.
    Assigned {
        /// Its number here; stable for the life of the process.
        partition: PartitionId,
        /// The number of this assignment.
        epoch: Epoch,
        /// Its name.
        name: PartitionName,
        /// Where reading starts.
        from: Offset,
        /// Whether that is a committed offset.
        committed: bool,
        /// The oldest offset the broker has.
        oldest: Offset,
        /// Behind the newest record that the broker has (its high watermark).
        newest: Offset,
        /// The topic's policy.
        policy: PolicyId,
        /// It is new, since the topic has grown: nothing of it is handled before [`SourceFact::Wide`].
        grown: bool,
    },
    /// Records.
    Batch(Batch),
    /// The partition is read to its end.
    ReachedEnd {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The next offset to read.
        position: Offset,
    },
    /// How far the partition's log reaches by now, for those who watch; at most once a second.
    Grown {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// Behind the newest record.
        newest: Offset,
    },
    /// Offsets were deleted before they were read.
    Gap {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// First missing offset.
        from: Offset,
        /// First offset that exists.
        to: Offset,
    },
    /// The group wants the partition back.
    Revoking {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// The partition is gone.
    Lost {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// The answer to [`SourceOrder::Commit`].
    Committed {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// What was asked.
        next: Offset,
        /// Why it failed, if it did.
        error: Option<String>,
    },
    /// A topic that a pattern matches is subscribed from now on: partitions of it may follow.
    Joined {
        /// Which topic.
        topic: Box<TopicSettings>,
    },
    /// The topic has more partitions than when this process started, and the new ones were never read.
    Widened {
        /// Which topic.
        topic: Arc<str>,
    },
    /// The companions of a topic that has grown have as many partitions as it has.
    Wide {
        /// Which topic.
        topic: Arc<str>,
    },
    /// No broker answers.
    BrokersDown {
        /// What librdkafka said.
        why: String,
    },
    /// A broker answers again.
    BrokersUp,
    /// Worth a log line: what happened, where.
    Notice {
        /// The text.
        text: String,
    },
    /// The consumer can't go on: fenced, wrong rights, another assignor in the group, missing topic. With the cure.
    Fatal(crate::Error),
    /// The consumer is closed; the thread ends.
    Closed,
}

/// What the driver orders.
#[derive(Debug)]
pub enum SourceOrder {
    /// Hand nothing more over; what is fetched waits in a bounded stash.
    Pause {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// Go on with the first record that was not handed over.
    Resume {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// Read on from here.
    Seek {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The next offset to read.
        to: Offset,
    },
    /// Commit; dropped with an error when the epoch is over. Answered by [`SourceFact::Committed`].
    Commit {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The next offset to read.
        next: Offset,
    },
    /// Give the partition back (after [`SourceFact::Revoking`]). No commit of it is outstanding.
    Release {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// The epoch is over although the group did not say so. Nothing of the partition is handed over until it is taken away
    /// ([`SourceFact::Lost`]), given to us anew, or [`SourceOrder::Reassign`] comes.
    Disown {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// Begin with a disowned partition as if it had just been given to us: the answer is [`SourceFact::Assigned`], unless it is taken away before.
    Reassign {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// Subscribe to these, too. Answered by [`SourceFact::Joined`], one for each.
    Subscribe(Vec<NewTopic>),
    /// Leave the group and end; the answer is [`SourceFact::Closed`]. Everything assigned was drained before.
    Close {
        /// How long it may take; then the client is left behind.
        deadline: Duration,
    },
}

/// Where facts go. Called on the poll thread only.
pub type SourceSink = Box<dyn Fn(SourceFact) + Send>;
