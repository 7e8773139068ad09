//! Events that a handler publishes.

use serde::Serialize;

use super::failure::DecodeError;

/// An event to publish: `Publish::to("invoices").key("o1").json(&invoice)?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    pub(crate) topic: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) id: Option<String>,
}

impl Publish {
    /// To this topic, without key and value yet.
    pub fn to(topic: impl Into<String>) -> Self {
        Self { topic: topic.into(), key: None, value: None, headers: Vec::new(), id: None }
    }

    /// The record key: events of one key keep their order.
    #[must_use]
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(key.as_ref().to_vec());
        self
    }

    /// The value's bytes.
    #[must_use]
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// The value as JSON.
    ///
    /// # Errors
    /// When the value can't be written as JSON (a map with keys that are no strings, for example).
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, DecodeError> {
        self.value = Some(serde_json::to_vec(value)?);
        Ok(self)
    }

    /// One more header. Onceward's own (id, correlation, causation, `traceparent`) are added by itself and win over these.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), Some(value.as_ref().to_vec())));
        self
    }

    /// One more header whose value is null.
    #[must_use]
    pub fn null_header(mut self, name: impl Into<String>) -> Self {
        self.headers.push((name.into(), None));
        self
    }

    /// The event's id, instead of the one derived from the incoming event. Choose one that a repeated handling chooses again.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}
