//! The one call that is made for each event, without what napi's macros do around every call: with it, a record costs half as much.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{FromNapiValue, Result, Unknown};
use napi::{Env, check_status, sys};
use onceward_bridge::Hands;

/// A function of a token: the event in hand of that run is done, and the next one is begun; false: the run is over.
#[allow(unsafe_code, reason = "Node-API by hand; what each call relies on stands beside it")]
pub(crate) fn function(env: &Env, hands: &Arc<Mutex<Hands>>) -> Result<Unknown<'static>> {
    let (raw, mut made) = (env.raw(), ptr::null_mut());
    let data = Arc::into_raw(Arc::clone(hands)).cast_mut().cast::<c_void>();
    // SAFETY: `env` is the environment that calls us, the name is a text of the given length, and `data` is what `step` expects.
    let status = unsafe { sys::napi_create_function(raw, c"next".as_ptr(), 4, Some(step), data, &raw mut made) };
    if status != sys::Status::napi_ok {
        release(data);
    }
    check_status!(status, "a function can't be made")?;
    // SAFETY: as above; `forget` is called once, when the function is gone and `step` can't be called any more.
    let status = unsafe { sys::napi_add_finalizer(raw, made, data, Some(forget), ptr::null_mut(), ptr::null_mut()) };
    // Without a finalizer the hands would merely live as long as the process: nothing is released here.
    check_status!(status, "a function can't be watched")?;
    // SAFETY: `made` is a value of this environment, and in the scope of the call that we are in.
    unsafe { Unknown::from_napi_value(raw, made) }
}

#[allow(unsafe_code, reason = "Node-API by hand; what each call relies on stands beside it")]
unsafe extern "C" fn step(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut count, mut given, mut data) = (1, ptr::null_mut(), ptr::null_mut());
    let (mut token, mut answer) = (-1.0, ptr::null_mut());
    // SAFETY: Node calls us with an environment and the description of this call. It has room for the one argument that is asked for, and
    // fills it with `undefined` if none was given; then the token stays below zero, which none is.
    unsafe {
        sys::napi_get_cb_info(env, info, &raw mut count, &raw mut given, ptr::null_mut(), &raw mut data);
        sys::napi_get_value_double(env, given, &raw mut token);
    }
    // SAFETY: `data` came from `Arc::into_raw` of this type, and is released only when this function is gone.
    let hands = unsafe { data.cast::<Mutex<Hands>>().as_ref() };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tokens are counted from 0, and fit a number")]
    let next = |hands: &Mutex<Hands>| hands.lock().unwrap_or_else(PoisonError::into_inner).next(token as u64);
    // A panic must not go through Node's frames. The run is then in hand no more, and the loop says so.
    let goes_on = token >= 0.0 && hands.is_some_and(|hands| catch_unwind(AssertUnwindSafe(|| next(hands))).unwrap_or(false));
    // SAFETY: there is a place for the answer, which is a value that every environment has.
    unsafe { sys::napi_get_boolean(env, goes_on, &raw mut answer) };
    answer
}

#[allow(unsafe_code, reason = "called by Node")]
unsafe extern "C" fn forget(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    release(data);
}

#[allow(unsafe_code, reason = "Node-API by hand; what each call relies on stands beside it")]
fn release(data: *mut c_void) {
    // SAFETY: it came from `Arc::into_raw`, and nobody else releases it.
    drop(unsafe { Arc::from_raw(data.cast::<Mutex<Hands>>()) });
}
