//! Which handler an event goes to: by its type, where several handlers share a topic.

use std::borrow::Cow;
use std::collections::HashMap;

use onceward_engine::PolicyId;

use super::Fields;
use super::identity::is_structured_cloud_event;
use super::json::{Found, NotJson, Pointer};

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
