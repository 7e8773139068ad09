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

/// Lets `principal` (as `User:alice`) do this, and waits until the broker has it. `brokers` is a listener on which everybody may do
/// everything.
pub fn grant(brokers: &str, principal: &str, rights: &[(On, &str, May)]) {
    let admin: rdkafka::producer::BaseProducer = client(brokers).create().unwrap();
    let handle = rdkafka::producer::Producer::client(&admin).native_ptr();
    for (on, name, may) in rights {
        let on = match on {
            On::Topic => native::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC,
            On::Group => native::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_GROUP,
        };
        let may = match may {
            May::Describe => native::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_DESCRIBE,
            May::Read => native::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ,
            May::Write => native::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE,
        };
        let [name, who, host] = [*name, principal, "*"].map(|text| CString::new(text).unwrap());
        let mut why = [0 as c_char; 256];
        // SAFETY: the client is alive, texts outlive the calls, which copy them, and what is created here is destroyed here.
        unsafe {
            let mut binding = native::rd_kafka_AclBinding_new(
                on,
                name.as_ptr(),
                native::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
                who.as_ptr(),
                host.as_ptr(),
                may,
                native::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
                why.as_mut_ptr(),
                why.len(),
            );
            assert!(!binding.is_null());
            let queue = native::rd_kafka_queue_new(handle);
            native::rd_kafka_CreateAcls(handle, &raw mut binding, 1, ptr::null(), queue);
            let event = native::rd_kafka_queue_poll(queue, i32::try_from(PATIENCE.as_millis()).unwrap());
            assert!(!event.is_null(), "the broker did not answer");
            assert_eq!(native::rd_kafka_event_error(event), native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
            let mut count = 0;
            let results = native::rd_kafka_CreateAcls_result_acls(native::rd_kafka_event_CreateAcls_result(event), &raw mut count);
            assert_eq!(count, 1);
            assert!(native::rd_kafka_acl_result_error(*results).is_null(), "the right was refused");
            native::rd_kafka_event_destroy(event);
            native::rd_kafka_queue_destroy(queue);
            native::rd_kafka_AclBinding_destroy(binding);
        }
    }
}
