//! What can be known from outside while the service runs or lies dead: committed offsets, durable effects, letters.
//!
//! The order of looking makes it sound while others still work: offsets first, then what must have been resolved before them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use onceward_flights::Flight;
use onceward_tests::consumer_child::Orders;
use onceward_tests::history::{Owner, Spot, Step, Writer};
use onceward_tests::kafka::{self, Outgoing, Stored};
use rusqlite::{Connection, OpenFlags};

use crate::world;

/// The headers that each flight is sent with; what a letter has beyond them was added.
const HEADERS: usize = 2;

pub(crate) struct Evidence {
    orders: Orders,
    history: Writer,
    /// Records by id, in the order in which they were sent.
    pub(crate) copies: HashMap<String, Vec<Spot>>,
    pub(crate) sources: BTreeMap<Spot, String>,
    seen: i64,
    /// Letters by the record that they are of: letter ids and how many.
    pub(crate) letters: BTreeMap<Spot, (BTreeSet<String>, u64)>,
    read: BTreeSet<(i32, i64)>,
}

impl Evidence {
    pub(crate) fn new(orders: Orders, history: Writer) -> Self {
        let (copies, sources, letters, read) = (HashMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { orders, history, copies, sources, seen: 0, letters, read }
    }

    pub(crate) fn produced(&mut self, spot: Spot, flight: &Flight, record: &Outgoing) {
        let digest = digest(record.key.as_deref(), record.value.as_deref(), &record.headers);
        self.sources.insert(spot.clone(), digest.clone());
        self.copies.entry(flight.id.clone()).or_default().push(spot.clone());
        self.say(world::produced(spot, flight, digest));
    }

    pub(crate) fn say(&self, step: Step) {
        self.history.write(0, step).unwrap();
    }

    /// Looks at everything once.
    pub(crate) fn gather(&mut self) {
        let orders = self.orders.clone();
        let committed = kafka::committed(&orders.brokers, &orders.group, &orders.topic);
        self.gather_effects();
        self.gather_letters();
        for (partition, next) in committed {
            self.say(Step::Committed { topic: orders.topic.clone(), partition, next });
        }
    }

    fn gather_effects(&mut self) {
        let database = open(&self.orders);
        let mut rows = database
            .prepare("SELECT number, at, part, record, lane, id, member, epoch FROM journal WHERE number > ? ORDER BY number")
            .unwrap();
        let mut rows = rows.query([self.seen]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            self.seen = row.get(0).unwrap();
            let at = row.get::<_, i64>(1).unwrap().unsigned_abs();
            let spot = Spot::new(self.orders.topic.clone(), row.get(2).unwrap(), row.get(3).unwrap());
            let (key, id): (_, String) = (Some(row.get(4).unwrap()), row.get(5).unwrap());
            let by = Owner { member: row.get(6).unwrap(), epoch: row.get(7).unwrap() };
            // Its copies are resolved by the same mark.
            for copy in self.copies[&id].iter().filter(|copy| **copy != spot) {
                self.history.write_past(at, 0, Step::Skipped { spot: copy.clone() }).unwrap();
            }
            self.history.write_past(at, 0, Step::Effect { spot, key, id, by }).unwrap();
        }
    }

    fn gather_letters(&mut self) {
        for letter in kafka::read_all(&self.orders.brokers, &self.orders.letters()) {
            if self.read.insert((letter.partition, letter.offset)) {
                self.letter(&letter);
            }
        }
    }

    fn letter(&mut self, letter: &Stored) {
        let offset = letter.headers.iter().find(|(name, _)| name == "kafka_dlt-original-offset").and_then(|(_, value)| value.as_deref());
        let offset = i64::from_be_bytes(offset.expect("a letter names its offset").try_into().expect("in eight bytes"));
        let spot = Spot::new(self.orders.topic.clone(), letter.partition, offset);
        let id = letter.header("onceward-letter-id").expect("a letter has an id");
        let (ids, count) = self.letters.entry(spot.clone()).or_default();
        ids.insert(id);
        *count += 1;
        let original = letter.headers.get(..HEADERS).unwrap_or_default();
        let digest = digest(letter.key.as_deref(), letter.value.as_deref(), original);
        self.say(Step::Lettered { spot, digest, correlation: letter.header("onceward-correlation-id") });
    }
}

/// The tables, for reading; the service may be writing at the same time.
pub(crate) fn open(orders: &Orders) -> Connection {
    let database = Connection::open_with_flags(&orders.inbox, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    database.busy_timeout(kafka::PATIENCE).unwrap();
    database
}

/// 64-bit FNV-1a over the parts with their lengths, a missing one apart from an empty one.
fn digest(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(String, Option<Vec<u8>>)]) -> String {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |part: Option<&[u8]>| {
        let length = part.map_or(u64::MAX, |bytes| bytes.len() as u64);
        let bytes = length.to_be_bytes().into_iter().chain(part.unwrap_or_default().iter().copied());
        bytes.for_each(|byte| state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    };
    add(key);
    add(value);
    for (name, value) in headers {
        add(Some(name.as_bytes()));
        add(value.as_deref());
    }
    format!("{state:016x}")
}
