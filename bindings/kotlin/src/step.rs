//! The calls that are made for each event: numbers only, by the names that a JVM looks for. With uniffi around it, each would cost more
//! than all the rest that is done for a record.
//!
//! Sessions are found by number, so that a call for one that is gone finds nothing instead of memory that is somebody else's.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

use onceward_bridge::{Event, Hands, Held, Queue};

use crate::pump::whole;
use crate::scratch;

#[derive(Clone)]
struct Open {
    queue: Arc<Queue>,
    hands: Arc<Mutex<Hands>>,
}

static SESSIONS: LazyLock<RwLock<HashMap<i64, Open>>> = LazyLock::new(RwLock::default);
static NUMBERS: AtomicI64 = AtomicI64::new(1);

/// From now on a session is found by the number.
pub(crate) fn enter(queue: &Arc<Queue>, hands: &Arc<Mutex<Hands>>) -> i64 {
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let open = Open { queue: Arc::clone(queue), hands: Arc::clone(hands) };
    SESSIONS.write().unwrap_or_else(PoisonError::into_inner).insert(number, open);
    number
}

/// The session is gone.
pub(crate) fn leave(number: i64) {
    let gone = SESSIONS.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
    // Outside of the lock: its hands may hold work that is to be answered for.
    drop(gone);
}

fn find(number: i64) -> Option<Open> {
    SESSIONS.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
}

/// `Step.next(session, token)`: the event in hand of that run is done, and the next one is begun; 0: the run is over.
#[allow(unsafe_code, reason = "the name that a JVM looks for; the two pointers that it gives are not looked at")]
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_onceward_internal_Step_next(_env: *const u8, _class: *const u8, session: i64, token: i64) -> u8 {
    let next = |open: Open| open.hands.lock().unwrap_or_else(PoisonError::into_inner).next(whole(token));
    // A panic must not go through the JVM's frames. The run is then in hand no more, and the loop says so.
    u8::from(catch_unwind(AssertUnwindSafe(|| find(session).is_some_and(next))).unwrap_or(false))
}

/// `Step.told(session, token)`: whether what is in hand is to stop. 0: no; 1: it is past its `handler_timeout`; 2: its partition is gone.
#[allow(unsafe_code, reason = "the name that a JVM looks for; the two pointers that it gives are not looked at")]
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_onceward_internal_Step_told(_env: *const u8, _class: *const u8, session: i64, token: i64) -> i32 {
    let told = |open: Open| match open.hands.lock().unwrap_or_else(PoisonError::into_inner).get(whole(token)) {
        Some(Held::Run(run, _)) if run.is_told() => 1 + i32::from(run.is_lost()),
        // The queue's word of a call is its last one.
        Some(Held::Batch(batch)) => 1 + i32::from(batch.is_lost()),
        _ => 0,
    };
    catch_unwind(AssertUnwindSafe(|| find(session).map_or(0, told))).unwrap_or(0)
}

/// `Step.watch(session, token)`: from now on the session's `told` names this run when the handler of its event in hand is to stop.
#[allow(unsafe_code, reason = "the name that a JVM looks for; the two pointers that it gives are not looked at")]
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_onceward_internal_Step_watch(_env: *const u8, _class: *const u8, session: i64, token: i64) {
    let watch = |open: Open| {
        if let Some(Held::Run(run, _)) = open.hands.lock().unwrap_or_else(PoisonError::into_inner).get(whole(token)) {
            run.watch(&open.queue);
        }
    };
    catch_unwind(AssertUnwindSafe(|| find(session).map_or((), watch))).unwrap_or(());
}

/// `Step.effect(session, token, position, address, length)`: a statement that stands at that address. 0: it could not be recorded, and whoever
/// asks again through uniffi hears why.
#[allow(unsafe_code, reason = "the name that a JVM looks for; the two pointers that it gives are not looked at")]
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_onceward_internal_Step_effect(
    _env: *const u8,
    _class: *const u8,
    session: i64,
    token: i64,
    position: i32,
    address: *const u8,
    length: i64,
) -> u8 {
    recorded(session, token, position, address, length, scratch::effect)
}

/// `Step.publish(session, token, position, address, length)`: an event to publish, as above.
#[allow(unsafe_code, reason = "the name that a JVM looks for; the two pointers that it gives are not looked at")]
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_onceward_internal_Step_publish(
    _env: *const u8,
    _class: *const u8,
    session: i64,
    token: i64,
    position: i32,
    address: *const u8,
    length: i64,
) -> u8 {
    recorded(session, token, position, address, length, scratch::publish)
}

fn recorded(session: i64, token: i64, position: i32, address: *const u8, length: i64, record: fn(&Event, &[u8]) -> Option<()>) -> u8 {
    let (Ok(position), Ok(length)) = (usize::try_from(position), usize::try_from(length)) else { return 0 };
    if address.is_null() {
        return 0;
    }
    #[allow(unsafe_code, reason = "the JVM's memory is known by its address only")]
    // SAFETY: `Scratch.kt` gives the address of a direct buffer of its own and how much of it was written, keeps the buffer from the collector
    // and from other threads until this call is over, and writes nothing meanwhile.
    let written = unsafe { std::slice::from_raw_parts(address, length) };
    let found = || {
        // A handle of its own: nothing is held up while the event records.
        let event = find(session)?.hands.lock().unwrap_or_else(PoisonError::into_inner).event(whole(token), position).cloned();
        record(&event?, written)
    };
    u8::from(catch_unwind(AssertUnwindSafe(found)).unwrap_or(None).is_some())
}
