//! What a broker says of topics that it is asked for by name: ids, and what this user may do.

use std::ffi::CString;
use std::os::raw::{c_char, c_int};
use std::ptr;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as native;

use super::{ClientPtr, Event, Queue, code, text};

/// The id of each topic that the broker knows and gives an id; topics without one are left out. Blocks up to the timeout.
pub(crate) fn topic_ids(client: ClientPtr, topics: &[String], timeout: Duration) -> Vec<(String, [u8; 16])> {
    let described = describe_topics(client, topics, timeout, false).into_iter();
    described.filter(|topic| topic.error.is_none()).filter_map(|topic| Some((topic.name, topic.id?))).collect()
}

/// What a user may do with a topic, as far as we need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Write,
}

/// What a broker says of a topic that it was asked for by name.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) error: Option<RDKafkaErrorCode>,
    pub(crate) id: Option<[u8; 16]>,
    /// What this user may do, if it was asked for and the broker tells.
    pub(crate) may: Option<Vec<Operation>>,
}

/// Asks for topics by name, which creates none. Nothing when no answer comes within the timeout.
pub(crate) fn describe_topics(client: ClientPtr, topics: &[String], timeout: Duration, rights: bool) -> Vec<Described> {
    let names: Vec<CString> = topics.iter().filter_map(|topic| CString::new(topic.as_str()).ok()).collect();
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let Some(queue) = Queue::fresh(client) else { return Vec::new() };
    let millis = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: everything that is created here is destroyed here, after the answer or the timeout; the names outlive the call.
    unsafe {
        let collection = native::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let options = native::rd_kafka_AdminOptions_new(client, native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        native::rd_kafka_AdminOptions_set_request_timeout(options, millis, ptr::null_mut(), 0);
        if rights {
            native::rd_kafka_error_destroy(native::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1));
        }
        native::rd_kafka_DescribeTopics(client, collection, options, queue.0.as_ptr());
        native::rd_kafka_AdminOptions_destroy(options);
        native::rd_kafka_TopicCollection_destroy(collection);
    }
    queue.poll(timeout + Duration::from_millis(100)).map(|event| described(&event)).unwrap_or_default()
}

fn described(event: &Event) -> Vec<Described> {
    // SAFETY: the answer's parts belong to the event, which is alive; pointers are checked before they are followed.
    unsafe {
        let result = native::rd_kafka_event_DescribeTopics_result(event.0.as_ptr());
        if result.is_null() || event.error().is_some() {
            return Vec::new();
        }
        let mut count = 0;
        let descriptions = native::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if descriptions.is_null() {
            return Vec::new();
        }
        std::slice::from_raw_parts(descriptions, count).iter().map(|&description| one_described(description)).collect()
    }
}

/// # Safety
/// The description must be alive.
unsafe fn one_described(description: *const native::rd_kafka_TopicDescription_t) -> Described {
    // SAFETY: the caller's promise; the parts live as long as the whole, and pointers are checked before they are followed.
    unsafe {
        let error = native::rd_kafka_TopicDescription_error(description);
        let id = native::rd_kafka_TopicDescription_topic_id(description);
        let id = (!id.is_null()).then(|| {
            let high = native::rd_kafka_Uuid_most_significant_bits(id).to_be_bytes();
            let low = native::rd_kafka_Uuid_least_significant_bits(id).to_be_bytes();
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&high);
            bytes[8..].copy_from_slice(&low);
            bytes
        });
        let mut count = 0;
        let operations = native::rd_kafka_TopicDescription_authorized_operations(description, &raw mut count);
        let may = (!operations.is_null() && count > 0).then(|| {
            let operations = std::slice::from_raw_parts(operations, count);
            let has = |wanted| operations.contains(&wanted);
            let read = has(native::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ).then_some(Operation::Read);
            let write = has(native::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE).then_some(Operation::Write);
            read.into_iter().chain(write).collect()
        });
        Described {
            name: text(native::rd_kafka_TopicDescription_name(description)),
            error: if error.is_null() { None } else { code(native::rd_kafka_error_code(error)) },
            id,
            may,
        }
    }
}
