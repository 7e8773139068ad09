//! A consumer's life.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Function, Object, Result, Uint8Array};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use onceward_bridge::{Hands, Queue, Session as Inner};
use serde_json::json;

use crate::error::{thrown, wrong};
use crate::leaving;
use crate::values::{self, Headers};

/// Everything of Node waits in one queue: there is one thread that handles.
const CHANNEL: usize = 0;

/// Opened from one JSON document, started once.
#[napi]
pub struct Session {
    pub(crate) inner: Arc<Inner>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) hands: Arc<Mutex<Hands>>,
}

#[napi]
impl Session {
    /// Reads and validates everything; nothing is started or connected.
    #[napi(constructor)]
    pub fn new(document: String) -> Result<Self> {
        let inner = Arc::new(Inner::open(&document).map_err(|fault| thrown(&fault))?);
        let queue = inner.queue(CHANNEL).ok_or_else(|| wrong("the document has no channel"))?;
        Ok(Self { inner, queue, hands: Arc::default() })
    }

    /// Calls the function, from Node's own loop, when there is something to do; once, until `take`. It does not keep the process alive, and
    /// must not throw.
    #[napi]
    pub fn on_ready(&self, look: Function<'_, (), ()>) -> Result<()> {
        let look = look.build_threadsafe_function::<()>().weak::<true>().build()?;
        self.queue.on_ring(move || {
            // A full queue will be looked at; an environment that ends looks no more.
            look.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        Ok(())
    }

    /// Starts it on threads of its own.
    #[napi]
    pub fn start(&self, env: Env, until_end: bool) -> Result<()> {
        leaving::with(env, &self.inner, &self.hands)?;
        self.inner.start(until_end).map_err(|fault| thrown(&fault))
    }

    /// Asks it to drain and end.
    #[napi]
    pub fn stop(&self) {
        self.inner.stop();
    }

    /// Nothing is handed out any more, and Node is not called any more: the end of a run or a rig. The function that was called leads to the
    /// handlers, and these to us.
    #[napi]
    pub fn close(&self) {
        self.inner.close();
        self.queue.take_bell();
        self.hands().clear();
    }

    /// Its numbers as JSON when it has ended; null while it runs.
    #[napi]
    pub fn ended(&self) -> Result<Option<String>> {
        let summary = self.inner.wait(Duration::ZERO).map_err(|fault| thrown(&fault))?;
        Ok(summary.map(|summary| {
            json!({
                "handled": summary.handled,
                "duplicates": summary.duplicates,
                "ignored": summary.ignored,
                "failedAttempts": summary.failed_attempts,
                "deadLetters": summary.dead_letters,
                "identityConflicts": summary.identity_conflicts,
                "abandoned": summary.abandoned,
                "halted": summary.halted,
            })
            .to_string()
        }))
    }

    /// Publishes from outside of handlers. The promise holds its id, when the event is durable.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn publish<'env>(
        &self,
        env: &'env Env,
        topic: String,
        key: Option<Uint8Array>,
        value: Option<Uint8Array>,
        headers: Headers,
        id: Option<String>,
    ) -> Result<Object<'env>> {
        let publish = values::publish(&topic, key.as_deref(), value.as_deref(), headers, id);
        let (deferred, promise) = env.create_deferred()?;
        self.inner.publish_then(publish, move |result| match result {
            Ok(id) => deferred.resolve(move |_| Ok(id)),
            Err(fault) => deferred.reject(thrown(&fault)),
        });
        Ok(promise)
    }

    /// Pauses a topic, or lets it go on.
    #[napi]
    pub fn suspend(&self, topic: String, paused: bool) -> Result<()> {
        self.inner.suspend(&topic, paused).map_err(|fault| thrown(&fault))
    }
}
