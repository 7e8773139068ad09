//! Events that are handed over together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Event;
use super::failure::Failure;

/// Several events for one call of a batch handler: of one topic, of any of its partitions; those of one key in order.
///
/// Cheap to clone. What a handler records with [`Event::effect`] and [`Event::publish`] belongs to that event, as ever.
#[derive(Clone)]
pub struct EventBatch(Arc<Inner>);

struct Inner {
    events: Vec<Event>,
    failures: Mutex<BTreeMap<usize, Failure>>,
}

impl EventBatch {
    pub(crate) fn new(events: Vec<Event>) -> Self {
        Self(Arc::new(Inner { events, failures: Mutex::default() }))
    }

    /// The events. There is at least one.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.0.events
    }

    /// The events, one after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Event> {
        self.0.events.iter()
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.events.len()
    }

    /// Never true: a call has at least one event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.events.is_empty()
    }

    /// Says that one event failed, by its position in [`EventBatch::events`]; the others are not concerned, except those behind it that
    /// have the same key: they are handled again after it. The first word about an event counts; a position that is not there is ignored.
    pub fn fail(&self, position: usize, failure: impl Into<Failure>) {
        if position < self.0.events.len() {
            let mut failures = self.0.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.entry(position).or_insert_with(|| failure.into());
        }
    }

    pub(crate) fn take_failures(&self) -> BTreeMap<usize, Failure> {
        std::mem::take(&mut *self.0.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<'a> IntoIterator for &'a EventBatch {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl std::fmt::Debug for EventBatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}
