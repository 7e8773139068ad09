//! A process or worker that ends in the middle of a run.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Result;
use onceward_bridge::{Hands, Session};

/// How long a Node that goes down waits for the last marks and commits.
const LAST: Duration = Duration::from_secs(5);

type Run = (Weak<Session>, Weak<Mutex<Hands>>);

thread_local! {
    /// Runs of this environment; `None`: it has no hook yet.
    static RUNS: RefCell<Option<Vec<Run>>> = const { RefCell::new(None) };
}

/// When this environment ends first, what is in hand was not answered for, and what is done is marked and committed.
pub(crate) fn with(env: Env, session: &Arc<Session>, hands: &Arc<Mutex<Hands>>) -> Result<()> {
    RUNS.with_borrow_mut(|runs| {
        if runs.is_none() {
            env.add_env_cleanup_hook((), |()| end(&RUNS.take().unwrap_or_default()))?;
        }
        let runs = runs.get_or_insert_default();
        runs.retain(|(session, _)| session.strong_count() > 0);
        runs.push((Arc::downgrade(session), Arc::downgrade(hands)));
        Ok(())
    })
}

fn end(runs: &[Run]) {
    let sessions: Vec<_> = runs.iter().filter_map(|(session, _)| session.upgrade()).collect();
    for session in &sessions {
        session.stop();
        // What waits for a turn of Node's gets none: without an answer, the loop would wait for it.
        session.close();
    }
    for hands in runs.iter().filter_map(|(_, hands)| hands.upgrade()) {
        hands.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
    for session in sessions {
        // Why it ended is nobody's concern any more.
        session.wait(LAST).map(drop).unwrap_or_default();
    }
}
