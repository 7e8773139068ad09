//! Granting rights, as an operator does. The safe wrapper has no call for it.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::os::raw::c_char;
use std::ptr;

use rdkafka_sys as native;

use super::{PATIENCE, client};

/// What a right is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// A topic.
    Topic,
    /// A consumer group.
    Group,
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// See that it exists.
    Describe,
    /// Read it.
    Read,
    /// Write to it.
    Write,
}

impl On {
    fn native(self) -> native::rd_kafka_ResourceType_t {
        match self {
            Self::Topic => native::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC,
            Self::Group => native::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_GROUP,
        }
    }
}

impl May {
    fn native(self) -> native::rd_kafka_AclOperation_t {
        match self {
            Self::Describe => native::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_DESCRIBE,
            Self::Read => native::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ,
            Self::Write => native::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE,
        }
    }
}

/// One call to the broker: gives it the client, a place for what went wrong, and a queue for the answer.
struct Call {
    admin: rdkafka::producer::BaseProducer,
    queue: *mut native::rd_kafka_queue_t,
}

impl Call {
    fn new(brokers: &str) -> Self {
        let admin: rdkafka::producer::BaseProducer = client(brokers).create().unwrap();
        // SAFETY: the client is alive; the queue is destroyed with this.
        let queue = unsafe { native::rd_kafka_queue_new(rdkafka::producer::Producer::client(&admin).native_ptr()) };
        Self { admin, queue }
    }

    fn handle(&self) -> *mut native::rd_kafka_t {
        rdkafka::producer::Producer::client(&self.admin).native_ptr()
    }

    /// The answer, which has no error of its own. To be destroyed.
    fn answer(&self) -> *mut native::rd_kafka_event_t {
        // SAFETY: the queue is alive.
        let event = unsafe { native::rd_kafka_queue_poll(self.queue, i32::try_from(PATIENCE.as_millis()).unwrap()) };
        assert!(!event.is_null(), "the broker did not answer");
        // SAFETY: the event is alive.
        assert_eq!(unsafe { native::rd_kafka_event_error(event) }, native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
        event
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // SAFETY: nobody else has it, and the client is alive until after this.
        unsafe { native::rd_kafka_queue_destroy(self.queue) };
    }
}

const LITERAL: native::rd_kafka_ResourcePatternType_t = native::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL;
const ALLOW: native::rd_kafka_AclPermissionType_t = native::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW;

/// Lets `principal` (as `User:alice`) do this, and waits until the broker has it. `brokers` is a listener on which everybody may do
/// everything.
pub fn grant(brokers: &str, principal: &str, rights: &[(On, &str, May)]) {
    let call = Call::new(brokers);
    for (on, name, may) in rights {
        let [name, who, host] = [*name, principal, "*"].map(|text| CString::new(text).unwrap());
        let mut why = [0 as c_char; 256];
        // SAFETY: the client is alive, texts outlive the calls, which copy them, and what is created here is destroyed here.
        unsafe {
            let (on, may) = (on.native(), may.native());
            let mut binding = native::rd_kafka_AclBinding_new(
                on,
                name.as_ptr(),
                LITERAL,
                who.as_ptr(),
                host.as_ptr(),
                may,
                ALLOW,
                why.as_mut_ptr(),
                why.len(),
            );
            assert!(!binding.is_null());
            native::rd_kafka_CreateAcls(call.handle(), &raw mut binding, 1, ptr::null(), call.queue);
            let event = call.answer();
            let mut count = 0;
            let results = native::rd_kafka_CreateAcls_result_acls(native::rd_kafka_event_CreateAcls_result(event), &raw mut count);
            assert_eq!(count, 1);
            assert!(native::rd_kafka_acl_result_error(*results).is_null(), "the right was refused");
            native::rd_kafka_event_destroy(event);
            native::rd_kafka_AclBinding_destroy(binding);
        }
    }
}

/// Takes a right away that was granted.
pub fn withdraw(brokers: &str, principal: &str, (on, name, may): (On, &str, May)) {
    let call = Call::new(brokers);
    let [name, who, host] = [name, principal, "*"].map(|text| CString::new(text).unwrap());
    let mut why = [0 as c_char; 256];
    // SAFETY: the client is alive, texts outlive the calls, which copy them, and what is created here is destroyed here.
    unsafe {
        let (on, may) = (on.native(), may.native());
        let mut filter = native::rd_kafka_AclBindingFilter_new(
            on,
            name.as_ptr(),
            LITERAL,
            who.as_ptr(),
            host.as_ptr(),
            may,
            ALLOW,
            why.as_mut_ptr(),
            why.len(),
        );
        assert!(!filter.is_null());
        native::rd_kafka_DeleteAcls(call.handle(), &raw mut filter, 1, ptr::null(), call.queue);
        let event = call.answer();
        let (mut count, mut gone) = (0, 0);
        let responses = native::rd_kafka_DeleteAcls_result_responses(native::rd_kafka_event_DeleteAcls_result(event), &raw mut count);
        assert_eq!(count, 1);
        native::rd_kafka_DeleteAcls_result_response_matching_acls(*responses, &raw mut gone);
        assert_eq!(gone, 1, "there was no such right");
        native::rd_kafka_event_destroy(event);
        native::rd_kafka_AclBinding_destroy(filter);
    }
}
