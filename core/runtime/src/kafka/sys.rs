//! The few calls that the safe wrapper does not offer: events with the topic of a partition end, header names that are not UTF-8, waking a
//! poll from another thread, topic ids and rights, tokens, and producing headers byte by byte. All unsafe code of the crate lives here.
#![allow(unsafe_code)]

mod describe;

pub(crate) use describe::{Operation, describe_topics, topic_ids};

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafka;
use rdkafka_sys as native;

use super::token::Token;
use super::tokens::Tokens;
use crate::telemetry::Pulse;

/// librdkafka's client, as `Client::native_ptr` hands it out.
pub(crate) type ClientPtr = *mut RDKafka;

/// A consumer's queue. Holds a reference of its own; must be dropped before the client.
pub(crate) struct Queue(NonNull<native::rd_kafka_queue_t>, Option<Arc<Pulse>>, Option<(ClientPtr, Tokens)>);

// SAFETY: librdkafka's queues are thread-safe.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// The queue that records, rebalances, commits, errors and log lines of a consumer arrive in.
    pub(crate) fn consumer(client: ClientPtr) -> Option<Self> {
        // SAFETY: the caller holds the client, so the pointer is valid; null comes back when it is no group consumer.
        NonNull::new(unsafe { native::rd_kafka_queue_get_consumer(client) }).map(Self::of)
    }

    /// The queue that log lines and errors of a client arrive in that is no consumer.
    pub(crate) fn main(client: ClientPtr) -> Option<Self> {
        // SAFETY: the caller holds the client.
        NonNull::new(unsafe { native::rd_kafka_queue_get_main(client) }).map(Self::of)
    }

    fn of(queue: NonNull<native::rd_kafka_queue_t>) -> Self {
        Self(queue, None, None)
    }

    /// Every poll from now on is a sign of life. Here, since whoever polls passes here, whatever else its loop does.
    pub(crate) fn watched_by(&mut self, pulse: Option<Arc<Pulse>>) {
        self.1 = pulse;
    }

    /// Every poll from now on hands the newest token to the client, which outlives this queue.
    pub(crate) fn signed_in_by(&mut self, client: ClientPtr, tokens: Option<Tokens>) {
        self.2 = tokens.map(|tokens| (client, tokens));
    }

    /// Whether there are tokens, and the newest one has expired.
    pub(crate) fn token_expired(&self) -> bool {
        self.2.as_ref().is_some_and(|(_, tokens)| tokens.expired())
    }

    fn fresh(client: ClientPtr) -> Option<Self> {
        // SAFETY: the caller holds the client.
        NonNull::new(unsafe { native::rd_kafka_queue_new(client) }).map(Self::of)
    }

    /// Makes a poll of another thread return, or the next one if none is running.
    pub(crate) fn wake(&self) {
        // SAFETY: the queue is alive as long as `self`.
        unsafe { native::rd_kafka_queue_yield(self.0.as_ptr()) };
    }

    /// Commits offsets; the answer comes to this queue as [`EventKind::Commit`].
    ///
    /// The wrapper's asynchronous commit is never answered: librdkafka reports to a callback that the wrapper does not set, not to its event
    /// queue.
    pub(crate) fn commit(&self, client: ClientPtr, offsets: &rdkafka::TopicPartitionList) -> Result<(), RDKafkaErrorCode> {
        // SAFETY: client, list and queue are alive; the list is copied, and there is neither a callback nor anything for it to use.
        code(unsafe { native::rd_kafka_commit_queue(client, offsets.ptr(), self.0.as_ptr(), None, ptr::null_mut()) }).map_or(Ok(()), Err)
    }

    /// The next event.
    pub(crate) fn poll(&self, timeout: Duration) -> Option<Event> {
        if let Some((client, tokens)) = &self.2 {
            tokens.serve(*client);
        }
        let millis = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the queue is alive as long as `self`; the event is owned by us.
        let event = NonNull::new(unsafe { native::rd_kafka_queue_poll(self.0.as_ptr(), millis) }).map(Event);
        if let Some(pulse) = &self.1 {
            pulse.beat();
            if let Some(event) = event.as_ref().filter(|event| event.kind() == EventKind::Rebalance) {
                pulse.rebalanced(!event.places().is_empty());
            }
        }
        event
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: our reference, given back once.
        unsafe { native::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

/// Something that happened at the consumer.
pub(crate) struct Event(NonNull<native::rd_kafka_event_t>);

/// What kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Record,
    Error,
    Rebalance,
    Commit,
    Log,
    Other,
}

/// A partition as an event names it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) error: Option<RDKafkaErrorCode>,
}

impl Event {
    pub(crate) fn kind(&self) -> EventKind {
        // SAFETY: the event is alive as long as `self`.
        match unsafe { native::rd_kafka_event_type(self.0.as_ptr()) } {
            native::RD_KAFKA_EVENT_FETCH => EventKind::Record,
            native::RD_KAFKA_EVENT_ERROR => EventKind::Error,
            native::RD_KAFKA_EVENT_REBALANCE => EventKind::Rebalance,
            native::RD_KAFKA_EVENT_OFFSET_COMMIT => EventKind::Commit,
            native::RD_KAFKA_EVENT_LOG => EventKind::Log,
            _ => EventKind::Other,
        }
    }

    /// The event's record. Taking it moves the consumer's position behind it.
    pub(crate) fn record(&self) -> Option<RawRecord<'_>> {
        // SAFETY: the event is alive as long as `self`, and so is its message.
        let message = unsafe { native::rd_kafka_event_message_next(self.0.as_ptr()) };
        NonNull::new(message.cast_mut()).map(|message| RawRecord { message, event: PhantomData })
    }

    /// The event's error.
    pub(crate) fn error(&self) -> Option<RDKafkaErrorCode> {
        // SAFETY: the event is alive as long as `self`.
        code(unsafe { native::rd_kafka_event_error(self.0.as_ptr()) })
    }

    /// Whether the client is unusable after this error.
    pub(crate) fn is_fatal(&self) -> bool {
        // SAFETY: the event is alive as long as `self`.
        unsafe { native::rd_kafka_event_error_is_fatal(self.0.as_ptr()) != 0 }
    }

    /// The error in words.
    pub(crate) fn reason(&self) -> String {
        // SAFETY: the event is alive as long as `self`; the string belongs to it and is copied.
        unsafe { text(native::rd_kafka_event_error_string(self.0.as_ptr())) }
    }

    /// The partition that an error is about.
    pub(crate) fn place(&self) -> Option<Place> {
        // SAFETY: the event is alive; the element that comes back is ours and destroyed after it was copied.
        unsafe {
            let element = native::rd_kafka_event_topic_partition(self.0.as_ptr());
            let place = element.as_ref().map(|element| place(element));
            if !element.is_null() {
                native::rd_kafka_topic_partition_destroy(element);
            }
            place
        }
    }

    /// The partitions of a rebalance or commit.
    pub(crate) fn places(&self) -> Vec<Place> {
        // SAFETY: the list belongs to the event, which is alive; its elements are `cnt` in a row.
        unsafe {
            let list = native::rd_kafka_event_topic_partition_list(self.0.as_ptr());
            let Some(list) = list.as_ref() else { return Vec::new() };
            let count = usize::try_from(list.cnt).unwrap_or(0);
            if count == 0 || list.elems.is_null() {
                return Vec::new();
            }
            std::slice::from_raw_parts(list.elems, count).iter().map(|element| place(element)).collect()
        }
    }

    /// A log line: level, facility, text.
    pub(crate) fn log(&self) -> Option<(i32, String, String)> {
        let (mut facility, mut line, mut level) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the event is alive; the strings belong to it and are copied.
        unsafe {
            (native::rd_kafka_event_log(self.0.as_ptr(), &raw mut facility, &raw mut line, &raw mut level) == 0)
                .then(|| (level, text(facility), text(line)))
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: events are owned by whoever polled them.
        unsafe { native::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}

/// A record that still belongs to librdkafka.
pub(crate) struct RawRecord<'a> {
    message: NonNull<native::rd_kafka_message_t>,
    event: PhantomData<&'a Event>,
}

impl<'a> RawRecord<'a> {
    fn message(&self) -> &'a native::rd_kafka_message_t {
        // SAFETY: the message lives as long as its event, which `'a` borrows.
        unsafe { self.message.as_ref() }
    }

    pub(crate) fn topic(&self) -> &'a [u8] {
        // SAFETY: the message holds a reference to its topic, whose name never changes.
        unsafe { CStr::from_ptr(native::rd_kafka_topic_name(self.message().rkt)).to_bytes() }
    }

    pub(crate) fn partition(&self) -> i32 {
        self.message().partition
    }

    pub(crate) fn offset(&self) -> i64 {
        self.message().offset
    }

    pub(crate) fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: pointer and length describe bytes of the message.
        unsafe { bytes(self.message().key, self.message().key_len) }
    }

    pub(crate) fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: pointer and length describe bytes of the message.
        unsafe { bytes(self.message().payload, self.message().len) }
    }

    /// The timestamp, if there is one, and whether the broker set it.
    pub(crate) fn timestamp(&self) -> (Option<i64>, bool) {
        let mut kind = native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive.
        let millis = unsafe { native::rd_kafka_message_timestamp(self.message.as_ptr(), &raw mut kind) };
        let append_time = kind == native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
        ((kind != native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE).then_some(millis), append_time)
    }

    /// Calls back for each header, in order. `false`: the headers can't be parsed.
    pub(crate) fn headers(&self, mut visit: impl FnMut(&[u8], Option<&[u8]>)) -> bool {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive; the headers belong to it.
        match unsafe { native::rd_kafka_message_headers(self.message.as_ptr(), &raw mut headers) } {
            native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {}
            native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__NOENT => return true,
            _ => return false,
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: name and value point into the headers, which live as long as the message.
            unsafe {
                let found = native::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut size);
                if found != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    break;
                }
                visit(header_name(name, value), bytes(value, size));
            }
        }
        true
    }
}

/// A header's name, which is a C string that may hold NULs.
///
/// librdkafka keeps name, NUL and value in one allocation but hands out no length of the name. The distance between the two pointers tells
/// it; where there is no value (a null header) the name ends at its first NUL. The version of the library is pinned, a test reads such a
/// name back.
///
/// # Safety
/// Both pointers come from one call of `rd_kafka_header_get_all` and outlive `'a`.
unsafe fn header_name<'a>(name: *const c_char, value: *const c_void) -> &'a [u8] {
    // SAFETY: a name is a C string.
    let until_nul = unsafe { CStr::from_ptr(name) }.to_bytes();
    let distance = (value as usize).wrapping_sub(name as usize);
    if value.is_null() || distance <= until_nul.len() + 1 || distance > 64 << 20 {
        return until_nul;
    }
    // SAFETY: both pointers point into one allocation, `distance` apart, and the name is followed by one NUL.
    unsafe { std::slice::from_raw_parts(name.cast(), distance - 1) }
}

unsafe fn bytes<'a>(from: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller vouches for pointer and length.
    (!from.is_null()).then(|| unsafe { std::slice::from_raw_parts(from.cast(), length) })
}

unsafe fn text(from: *const c_char) -> String {
    if from.is_null() {
        return String::new();
    }
    // SAFETY: the caller vouches for a C string.
    unsafe { CStr::from_ptr(from) }.to_string_lossy().trim().to_owned()
}

unsafe fn place(element: &native::rd_kafka_topic_partition_t) -> Place {
    // SAFETY: an element's topic is a C string that lives as long as the element.
    let topic = unsafe { text(element.topic) };
    Place { topic, partition: element.partition, offset: element.offset, error: code(element.err) }
}

fn code(error: native::rd_kafka_resp_err_t) -> Option<RDKafkaErrorCode> {
    (error != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| RDKafkaErrorCode::from(error))
}

/// librdkafka's number for "by the partitioner" (`RD_KAFKA_PARTITION_UA`).
const UNASSIGNED: i32 = -1;

/// A record to produce. Bytes are copied by librdkafka.
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: &'a CStr,
    /// `None`: by the key's hash.
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) timestamp: i64,
}

/// Queues a record; the answer comes to the delivery callback under `token`.
pub(crate) fn produce<'a>(
    client: ClientPtr,
    record: &Outgoing<'_>,
    headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    token: usize,
) -> Result<(), RDKafkaErrorCode> {
    use native::rd_kafka_vtype_t as kind;
    // SAFETY: the list is ours until librdkafka takes it with a successful produce.
    let list = unsafe { native::rd_kafka_headers_new(16) };
    for (name, value) in headers {
        let size = |bytes: &[u8]| isize::try_from(bytes.len()).unwrap_or(isize::MAX);
        let (from, length) = value.map_or((ptr::null(), 0), |value| (value.as_ptr().cast::<c_void>(), size(value)));
        // SAFETY: pointers and lengths describe live slices, which are copied. A size of zero is taken as it is; only -1 means a C string.
        unsafe { native::rd_kafka_header_add(list, name.as_ptr().cast(), size(name), from, length) };
    }
    let argument = |vtype, u| native::rd_kafka_vu_s { vtype, u };
    let memory = |bytes: Option<&[u8]>| {
        let (from, size) = bytes.map_or((ptr::null_mut(), 0), |bytes| (bytes.as_ptr().cast_mut().cast::<c_void>(), bytes.len()));
        native::rd_kafka_vu_s__bindgen_ty_1 { mem: native::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: from, size } }
    };
    let arguments = [
        argument(kind::RD_KAFKA_VTYPE_TOPIC, native::rd_kafka_vu_s__bindgen_ty_1 { cstr: record.topic.as_ptr() }),
        argument(kind::RD_KAFKA_VTYPE_PARTITION, native::rd_kafka_vu_s__bindgen_ty_1 { i32_: record.partition.unwrap_or(UNASSIGNED) }),
        argument(kind::RD_KAFKA_VTYPE_MSGFLAGS, native::rd_kafka_vu_s__bindgen_ty_1 { i: native::RD_KAFKA_MSG_F_COPY }),
        argument(kind::RD_KAFKA_VTYPE_VALUE, memory(record.value)),
        argument(kind::RD_KAFKA_VTYPE_KEY, memory(record.key)),
        argument(kind::RD_KAFKA_VTYPE_TIMESTAMP, native::rd_kafka_vu_s__bindgen_ty_1 { i64_: record.timestamp }),
        argument(kind::RD_KAFKA_VTYPE_OPAQUE, native::rd_kafka_vu_s__bindgen_ty_1 { ptr: token as *mut c_void }),
        argument(kind::RD_KAFKA_VTYPE_HEADERS, native::rd_kafka_vu_s__bindgen_ty_1 { headers: list }),
    ];
    // SAFETY: the client is alive, the arguments outlive the call, and librdkafka copies what they point to (`RD_KAFKA_MSG_F_COPY`).
    unsafe {
        let error = native::rd_kafka_produceva(client, arguments.as_ptr(), arguments.len());
        if error.is_null() {
            return Ok(());
        }
        let answer = code(native::rd_kafka_error_code(error)).unwrap_or(RDKafkaErrorCode::Unknown);
        native::rd_kafka_error_destroy(error);
        // A failed produce leaves the headers with the caller.
        native::rd_kafka_headers_destroy(list);
        Err(answer)
    }
}

/// Where a partition's log ends, as the last fetch told; nothing is asked of a broker.
pub(crate) fn known_end(client: ClientPtr, topic: &str, partition: i32) -> Option<i64> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the caller holds the client, the name outlives the call, and both numbers are ours.
    let code = unsafe { native::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), partition, &raw mut low, &raw mut high) };
    (code == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
}

/// Gives a client what OAUTHBEARER shows to a broker.
pub(crate) fn set_token(client: ClientPtr, token: &Token) -> Result<(), String> {
    let text = |text: &str| CString::new(text).map_err(|_| "the token holds a zero byte".to_owned());
    let (value, principal) = (text(&token.value)?, text(&token.principal)?);
    let extensions = token.extensions.iter().map(|extension| text(extension)).collect::<Result<Vec<_>, _>>()?;
    let mut pointers: Vec<*const c_char> = extensions.iter().map(|extension| extension.as_ptr()).collect();
    let mut why = [0 as c_char; 512];
    // SAFETY: the caller holds the client; all texts outlive the call, which copies them and ends `why` with a zero.
    unsafe {
        let (count, room) = (pointers.len(), why.len());
        let extensions = pointers.as_mut_ptr();
        let answer = native::rd_kafka_oauthbearer_set_token(
            client,
            value.as_ptr(),
            token.expires,
            principal.as_ptr(),
            extensions,
            count,
            why.as_mut_ptr(),
            room,
        );
        code(answer).map_or(Ok(()), |_| Err(self::text(why.as_ptr())))
    }
}
