//! Who an event is: identity, order key and digest of a record, from its bytes alone.

use std::borrow::Cow;

use onceward_engine::{Digest, EventHash, KeyHash, Offset, PartitionId, Rejection};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::json::{Found, NotJson, Pointer};
use super::routing::{Routed, Routing, TypeReader};
use super::{DedupScope, Fields, IdentitySource, KeySource, TopicSettings};
use crate::inbox::Identity;
use crate::wire;

/// What identities of one topic are read from.
#[derive(Clone, Debug)]
pub struct Identifier {
    source: Source,
    order: OrderSource,
    kind: TypeReader,
    routing: Option<Routing>,
    /// Whether the topic was found by a pattern: then a letter in it is none of ours, whatever it is called.
    found: bool,
    /// A BLAKE3 key derived from the group and, unless the scope is the group, the topic: ids of different scopes never meet.
    scope: [u8; 32],
}

#[derive(Clone, Debug)]
enum Source {
    Automatic { cloud_source: Pointer, cloud_id: Pointer },
    Header(String),
    Json(Pointer),
    Coordinates,
}

#[derive(Clone, Debug)]
enum OrderSource {
    Key,
    Header(String),
    Json(Pointer),
}

/// What a record is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identified {
    /// As the inbox knows it.
    pub identity: Identity,
    /// As the engine knows it.
    pub event: EventHash,
    /// Of its payload.
    pub digest: Digest,
    /// Hash of its order key.
    pub order_key: Option<KeyHash>,
    /// Why it can't be handled at all.
    pub refused: Option<Rejection>,
}

/// The id in a record, as its producer wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Id<'a> {
    Header(&'a [u8]),
    Text(String),
    Cloud(&'a [u8], &'a [u8]),
    CloudText(String, String),
    None,
}

/// One byte per kind, so that a header `x` and a JSON field `x` are two ids.
mod kind {
    pub(super) const HEADER: u8 = 1;
    pub(super) const JSON: u8 = 2;
    pub(super) const CLOUD: u8 = 3;
    pub(super) const OURS: u8 = 4;
}

impl Identifier {
    /// Prepares the reading of one topic's records for one group.
    #[must_use]
    pub fn new(group: &str, topic: &TopicSettings) -> Self {
        let source = match &topic.identity {
            IdentitySource::Automatic => Source::Automatic { cloud_source: Pointer::new("/source"), cloud_id: Pointer::new("/id") },
            IdentitySource::Header(name) => Source::Header(name.clone()),
            IdentitySource::Json(pointer) => Source::Json(Pointer::new(pointer)),
            IdentitySource::Coordinates => Source::Coordinates,
        };
        let order = match &topic.order_key {
            KeySource::Key => OrderSource::Key,
            KeySource::Header(name) => OrderSource::Header(name.clone()),
            KeySource::Json(pointer) => OrderSource::Json(Pointer::new(pointer)),
        };
        let mut scope = blake3::Hasher::new_derive_key("onceward event identity 1");
        field(&mut scope, group.as_bytes());
        match topic.scope {
            DedupScope::Topic => field(&mut scope, topic.name.as_bytes()),
            // A length that no topic has.
            DedupScope::Group => {
                scope.update(&[0xff; 8]);
            }
        }
        let (kind, routing) = (TypeReader::new(&topic.event_type), topic.routing.clone());
        Self { source, order, kind, routing, found: topic.pattern.is_some(), scope: *scope.finalize().as_bytes() }
    }

    /// Identity, digest and order key of a record at its place.
    #[must_use]
    pub fn identify<'a>(&self, record: &impl Fields<'a>, partition: PartitionId, offset: Offset) -> Identified {
        let (id, mut refused) = self.id(record);
        let event = self.hash(&id);
        let (order_key, unreadable) = self.order_key(record);
        if unreadable {
            refused = Some(Rejection::Undecodable);
        }
        let (identity, event) = match event {
            Some(event) => (Identity::Event(event), event),
            None => (Identity::Coordinates { partition, offset }, coordinates(partition, offset)),
        };
        Identified { identity, event, digest: digest(record.value()), order_key, refused }
    }

    /// The id as the producer wrote it, for people: in letters and logs. `None`: the record is known by its coordinates.
    #[must_use]
    pub fn text<'a>(&self, record: &impl Fields<'a>) -> Option<String> {
        match self.id(record).0 {
            Id::Header(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Id::Text(text) => Some(text),
            Id::Cloud(source, id) => Some(format!("{}#{}", String::from_utf8_lossy(source), String::from_utf8_lossy(id))),
            Id::CloudText(source, id) => Some(format!("{source}#{id}")),
            Id::None => None,
        }
    }

    /// The event's type.
    pub(crate) fn event_type<'a>(&self, record: &impl Fields<'a>) -> Result<Option<Cow<'a, str>>, NotJson> {
        self.kind.read(record)
    }

    /// Whether a record is a dead letter that only a pattern led to. Nobody subscribed to letters by saying `^orders`.
    pub(crate) fn is_strayed_letter<'a>(&self, record: &impl Fields<'a>) -> bool {
        self.found && record.header(wire::letter::ID).is_some()
    }

    /// Where an event goes when handlers of its topic are chosen by type.
    pub(super) fn route<'a>(&self, record: &impl Fields<'a>) -> Option<Routed> {
        self.routing.as_ref().map(|routing| routing.route(&self.kind, record))
    }

    /// What the inbox knows a record by, if its producer gave it an id.
    #[must_use]
    pub fn marked_as<'a>(&self, record: &impl Fields<'a>) -> Option<EventHash> {
        self.hash(&self.id(record).0)
    }

    /// What an id as [`Identifier::text`] shows it may be known by: the text alone does not say whether it came from a header or from a
    /// CloudEvent, nor which `#` stands between source and id. Empty when events are known by their coordinates.
    #[must_use]
    pub fn candidates(&self, text: &str) -> Vec<EventHash> {
        let ids = match &self.source {
            Source::Coordinates => Vec::new(),
            Source::Header(_) => vec![Id::Header(text.as_bytes())],
            Source::Json(_) => vec![Id::Text(text.to_owned())],
            Source::Automatic { .. } => {
                let clouds = text.match_indices('#').map(|(at, _)| Id::Cloud(&text.as_bytes()[..at], &text.as_bytes()[at + 1..]));
                std::iter::once(Id::Header(text.as_bytes())).chain(clouds).collect()
            }
        };
        ids.iter().filter_map(|id| self.hash(id)).collect()
    }

    fn id<'a>(&self, record: &impl Fields<'a>) -> (Id<'a>, Option<Rejection>) {
        match &self.source {
            Source::Coordinates => (Id::None, None),
            Source::Header(name) => (header(record, name).map_or(Id::None, Id::Header), None),
            Source::Json(pointer) => match record.value().map(|value| pointer.read(value)) {
                Some(Ok(Found::Scalar(text))) if !text.is_empty() => (Id::Text(text), None),
                Some(Err(_)) => (Id::None, Some(Rejection::Undecodable)),
                // A tombstone has no JSON to look into, and a document may lack the field: known by the coordinates.
                _ => (Id::None, None),
            },
            Source::Automatic { cloud_source, cloud_id } => (automatic(record, cloud_source, cloud_id), None),
        }
    }

    fn hash(&self, id: &Id<'_>) -> Option<EventHash> {
        let ours = matches!(self.source, Source::Automatic { .. });
        let hash = match id {
            Id::Header(bytes) => self.one(if ours { kind::OURS } else { kind::HEADER }, bytes),
            Id::Text(text) => self.one(kind::JSON, text.as_bytes()),
            Id::Cloud(source, id) => self.two(source, id),
            Id::CloudText(source, id) => self.two(source.as_bytes(), id.as_bytes()),
            Id::None => return None,
        };
        let mut prefix = [0; 16];
        prefix.copy_from_slice(&hash.as_bytes()[..16]);
        Some(EventHash(u128::from_be_bytes(prefix)))
    }

    fn one(&self, kind: u8, id: &[u8]) -> blake3::Hash {
        const SHORT: usize = 48;
        if id.len() <= SHORT {
            // One block, on the stack: this is what almost every record pays.
            let mut input = [0; SHORT + 9];
            input[0] = kind;
            input[1..9].copy_from_slice(&(id.len() as u64).to_be_bytes());
            input[9..9 + id.len()].copy_from_slice(id);
            return blake3::keyed_hash(&self.scope, &input[..9 + id.len()]);
        }
        let mut hasher = blake3::Hasher::new_keyed(&self.scope);
        hasher.update(&[kind]);
        field(&mut hasher, id);
        hasher.finalize()
    }

    fn two(&self, source: &[u8], id: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.scope);
        hasher.update(&[kind::CLOUD]);
        field(&mut hasher, source);
        field(&mut hasher, id);
        hasher.finalize()
    }

    /// The order key's hash, and whether the record can't be read for it.
    fn order_key<'a>(&self, record: &impl Fields<'a>) -> (Option<KeyHash>, bool) {
        match &self.order {
            OrderSource::Key => (record.key().map(key_hash), false),
            OrderSource::Header(name) => (record.header(name).map(key_hash), false),
            OrderSource::Json(pointer) => match record.value().map(|value| pointer.read(value)) {
                Some(Ok(Found::Scalar(text))) => (Some(key_hash(text.as_bytes())), false),
                Some(Err(_)) => (None, true),
                _ => (None, false),
            },
        }
    }
}

fn automatic<'a>(record: &impl Fields<'a>, cloud_source: &Pointer, cloud_id: &Pointer) -> Id<'a> {
    if let Some(id) = header(record, wire::ID) {
        return Id::Header(id);
    }
    if let (Some(source), Some(id)) = (header(record, "ce_source"), header(record, "ce_id")) {
        return Id::Cloud(source, id);
    }
    if is_structured_cloud_event(record)
        && let Some(value) = record.value()
        && let (Ok(Found::Scalar(source)), Ok(Found::Scalar(id))) = (cloud_source.read(value), cloud_id.read(value))
    {
        return Id::CloudText(source, id);
    }
    Id::None
}

pub(super) fn is_structured_cloud_event<'a>(record: &impl Fields<'a>) -> bool {
    const TYPE: &[u8] = b"application/cloudevents+json";
    record.header("content-type").is_some_and(|value| value.len() >= TYPE.len() && value[..TYPE.len()].eq_ignore_ascii_case(TYPE))
}

/// An empty id is no id: it would make all events that lack one copies of each other.
fn header<'a>(record: &impl Fields<'a>, name: &str) -> Option<&'a [u8]> {
    record.header(name).filter(|value| !value.is_empty())
}

fn field(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}

/// Distinct within the process, which is all that the engine needs: the inbox keeps coordinates as they are.
pub(crate) fn coordinates(partition: PartitionId, offset: Offset) -> EventHash {
    EventHash(u128::from(partition.0) << 64 | u128::from(offset.0.cast_unsigned()))
}

/// The same in every process, since the ledger names held keys by it; and nobody can prepare two keys that share a lane.
pub(crate) fn key_hash(key: &[u8]) -> KeyHash {
    let hash = blake3::hash(key);
    let (first, _) = hash.as_bytes().split_at(16);
    KeyHash(first.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte)))
}

/// Null and empty differ. Stored beside marks, so it is the same in every process.
fn digest(value: Option<&[u8]>) -> Digest {
    match value {
        None => Digest(0),
        Some(value) => Digest(((xxh3_64_with_seed(value, 0x6f6e_6365) & 0xffff_ffff) as u32).max(1)),
    }
}
