//! Which handler an event goes to: by its type, where several handlers share a topic.

use std::borrow::Cow;
use std::collections::HashMap;

use onceward_engine::{Epoch, Offset, PartitionId, PolicyId, Rejection};

use super::identity::is_structured_cloud_event;
use super::json::{Found, NotJson, Pointer};
use super::{Fields, Identifier, RecordMeta};
use crate::Error;
use crate::event::one_line;

/// Where an event's type is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeSource {
    /// The header `ce_type`, else `type` of a structured CloudEvent (content type `application/cloudevents+json`).
    Automatic,
    /// A header's value.
    Header(String),
    /// A JSON pointer into the value.
    Json(String),
}

/// What happens to an event for whose type there is no handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// To the dead-letter topic, with the reason `rejected` (default).
    DeadLetter,
    /// It is passed over, unhandled and unmarked.
    Ignore,
    /// The run ends with an error; the event is handled after the next start.
    Stop,
}

/// The handlers of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// By type.
    pub by_type: HashMap<String, PolicyId>,
    /// The handler of all other types.
    pub others: Option<PolicyId>,
    /// What happens when there is none.
    pub unrouted: Unrouted,
}

/// Where one event goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Routed {
    To(PolicyId),
    /// Its type can't be read.
    Unreadable,
    /// There is no handler for it.
    Nowhere(Unrouted),
}

/// Reads types, prepared for one topic.
#[derive(Clone, Debug)]
pub(crate) enum TypeReader {
    Automatic(Pointer),
    Header(String),
    Json(Pointer),
}

impl TypeReader {
    pub(crate) fn new(source: &TypeSource) -> Self {
        match source {
            TypeSource::Automatic => Self::Automatic(Pointer::new("/type")),
            TypeSource::Header(name) => Self::Header(name.clone()),
            TypeSource::Json(pointer) => Self::Json(Pointer::new(pointer)),
        }
    }

    /// The type, if the event says one. An empty one is none.
    pub(crate) fn read<'a>(&self, record: &impl Fields<'a>) -> Result<Option<Cow<'a, str>>, NotJson> {
        let header = |name: &str| record.header(name).filter(|value| !value.is_empty()).map(String::from_utf8_lossy);
        let json = |pointer: &Pointer| match record.value().map(|value| pointer.read(value)).transpose()? {
            Some(Found::Scalar(text)) if !text.is_empty() => Ok(Some(Cow::Owned(text))),
            _ => Ok(None),
        };
        match self {
            Self::Header(name) => Ok(header(name)),
            Self::Json(pointer) => json(pointer),
            Self::Automatic(pointer) => match header("ce_type") {
                None if is_structured_cloud_event(record) => json(pointer),
                said => Ok(said),
            },
        }
    }
}

impl Routing {
    pub(super) fn route<'a>(&self, reader: &TypeReader, record: &impl Fields<'a>) -> Routed {
        let Ok(kind) = reader.read(record) else { return Routed::Unreadable };
        let found = kind.and_then(|kind| self.by_type.get(&*kind)).or(self.others.as_ref());
        found.map_or(Routed::Nowhere(self.unrouted), |policy| Routed::To(*policy))
    }
}

impl Identifier {
    /// What is known of a record from its bytes and its place, and which handler is for it: `policy` unless its type says more.
    ///
    /// # Errors
    /// Nobody handles its type, and that ends the run.
    pub(crate) fn meta<'a>(
        &self,
        record: &impl Fields<'a>,
        (partition, epoch, offset): (PartitionId, Epoch, Offset),
        policy: PolicyId,
        place: (&str, i32),
    ) -> Result<RecordMeta, Error> {
        let known = self.identify(record, partition, offset);
        let mut meta = RecordMeta::new(partition, epoch, offset, known.identity, known.event, known.digest, policy);
        meta.order_key = known.order_key;
        meta.refused = known.refused;
        if self.is_strayed_letter(record) {
            meta.ignored = true;
            return Ok(meta);
        }
        match self.route(record) {
            None => {}
            Some(Routed::To(chosen)) => meta.policy = chosen,
            Some(Routed::Unreadable) => meta.refused = Some(Rejection::Undecodable),
            Some(Routed::Nowhere(Unrouted::DeadLetter)) => meta.refused = known.refused.or(Some(Rejection::Rejected)),
            Some(Routed::Nowhere(Unrouted::Ignore)) => meta.ignored = true,
            Some(Routed::Nowhere(Unrouted::Stop)) => return Err(nobody(place, offset, self.event_type(record).ok().flatten().as_deref())),
        }
        Ok(meta)
    }
}

/// Why a run ends at an event that nobody handles.
fn nobody((topic, partition): (&str, i32), offset: Offset, kind: Option<&str>) -> Error {
    let kind = kind.map_or_else(|| "no type".to_owned(), |kind| format!("the type {:?}", one_line(kind).to_string()));
    Error::Halted(format!(
        "{topic}/{partition} offset {}: the event has {kind}, for which there is no handler, and unrouted_type = \"stop\". Register a \
         handler for it, or choose \"dead_letter\" or \"ignore\"; it is read again after the next start",
        offset.0
    ))
}
