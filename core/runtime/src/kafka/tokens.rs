//! Keeps the tokens of one client fresh: a thread asks the endpoint, whoever polls the client hands them over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fault;
use super::sys::{self, ClientPtr};
use super::token::{Endpoint, Token};
use crate::Error;

/// How long after a failure the endpoint is asked again.
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Default)]
struct State {
    latest: Option<Arc<Token>>,
    over: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    bell: Condvar,
    /// Tokens so far.
    version: AtomicU64,
}

/// The tokens of one client. Dropping it ends the thread.
pub(crate) struct Tokens {
    shared: Arc<Shared>,
    /// The version that the client has.
    given: AtomicU64,
}

impl Tokens {
    pub(crate) fn start(endpoint: Endpoint) -> Result<Self, Error> {
        let shared = Arc::<Shared>::default();
        let thread = Arc::clone(&shared);
        // Not joined: an endpoint that does not answer must not hold up an end.
        std::thread::Builder::new()
            .name("onceward-token".to_owned())
            .spawn(move || thread.run(&endpoint))
            .map_err(|error| fault::broker("starting the token thread", error.to_string(), "Raise the limit of threads"))?;
        Ok(Self { shared, given: AtomicU64::new(0) })
    }

    /// The client was replaced by one that has none.
    pub(crate) fn anew(&self) {
        self.given.store(0, Ordering::Relaxed);
    }

    /// Whether the newest token there is has expired: then it is no wonder that a broker refuses it, and the endpoint is what is away.
    pub(crate) fn expired(&self) -> bool {
        // Clocks differ a little.
        const SKEW: i64 = 2_000;
        self.shared.lock().latest.as_ref().is_some_and(|token| token.expires <= now().saturating_add(SKEW))
    }

    /// Hands the newest token to the client, if it does not have it. Cheap, and waits for nobody.
    pub(crate) fn serve(&self, client: ClientPtr) {
        let version = self.shared.version.load(Ordering::Acquire);
        if version == self.given.load(Ordering::Relaxed) {
            return;
        }
        let Some(token) = self.shared.lock().latest.clone() else { return };
        self.given.store(version, Ordering::Relaxed);
        if let Err(error) = sys::set_token(client, &token) {
            tracing::error!(target: "onceward", %error, "the client refuses the token of the endpoint");
        }
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.bell.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, endpoint: &Endpoint) {
        let mut failing = false;
        loop {
            let wait = match endpoint.fetch() {
                Ok(token) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!(target: "onceward", "the token endpoint answers again");
                    }
                    let life = token.expires.saturating_sub(now());
                    self.lock().latest = Some(Arc::new(token));
                    self.version.fetch_add(1, Ordering::Release);
                    // While a fifth of its life is left there is time for an endpoint that is away.
                    Duration::from_millis(u64::try_from(life.saturating_mul(4) / 5).unwrap_or(0)).max(AGAIN)
                }
                Err(why) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(target: "onceward", %why, "no new token; the one that is there serves until it expires, and it is asked for again");
                    }
                    AGAIN
                }
            };
            let (state, _) = self.bell.wait_timeout_while(self.lock(), wait, |state| !state.over).unwrap_or_else(PoisonError::into_inner);
            if state.over {
                return;
            }
        }
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
