//! Decodes the events of a chunk before a handler's own runner has them.

use std::collections::HashMap;
use std::sync::Arc;

use onceward_schema::framing::SchemaId;

use super::body::Body;
use super::desk::Desk;
use super::topic::TopicSchema;
use crate::event::Chunk;
use crate::executor::Runner;

/// A runner whose events have schemas.
pub(super) struct Decoding {
    pub(super) inner: Arc<dyn Runner>,
    /// By what handlers call the topic.
    pub(super) topics: HashMap<String, Arc<TopicSchema>>,
    pub(super) desk: Option<Desk>,
    pub(super) runtime: tokio::runtime::Handle,
}

impl Runner for Decoding {
    fn start(self: Arc<Self>, chunk: Arc<Chunk>, first_run: u64) {
        // Not here: this is the loop's thread.
        let runtime = self.runtime.clone();
        drop(runtime.spawn(async move { self.decode(chunk, first_run) }));
    }

    fn tell(&self, chunk: &Chunk) {
        self.inner.tell(chunk);
    }
}

impl Decoding {
    fn decode(self: Arc<Self>, chunk: Arc<Chunk>, first_run: u64) {
        let missing = self.fill(&chunk, false);
        let (Some((topic, ids)), Some(desk)) = (missing, &self.desk) else {
            return Arc::clone(&self.inner).start(chunk, first_run);
        };
        let this = Arc::clone(&self);
        desk.ask(
            topic,
            ids,
            Box::new(move || {
                let runtime = this.runtime.clone();
                drop(runtime.spawn(async move {
                    // What is still missing waits until the registry is back.
                    this.fill(&chunk, true);
                    Arc::clone(&this.inner).start(chunk, first_run);
                }));
            }),
        );
    }

    /// Decodes what was not decoded yet; says which schemas that needs. The last time nothing is left open.
    fn fill(&self, chunk: &Chunk, last: bool) -> Option<(Arc<TopicSchema>, Vec<SchemaId>)> {
        let mut missing: Option<(Arc<TopicSchema>, Vec<SchemaId>)> = None;
        for item in chunk.items.iter().filter(|item| item.body.get().is_none()) {
            // All events of a chunk have one handler and one topic.
            let Some(topic) = self.topics.get(&*chunk.place(item).called) else { continue };
            let body = match topic.decode(&chunk.record(item)) {
                Ok(body) => body,
                Err(_) if last => Body::Waits,
                Err(id) => {
                    let (_, ids) = missing.get_or_insert_with(|| (Arc::clone(topic), Vec::new()));
                    if !ids.contains(&id) {
                        ids.push(id);
                    }
                    continue;
                }
            };
            // Only this task fills it.
            drop(item.body.set(Box::new(body)));
        }
        missing
    }
}
