//! The order-sensitive fold over flights, as a plain sequential pass: what the demo's and the tests' tables must equal.
//!
//! One event left out, handled twice or out of order gives another `chain`. Its arithmetic stays below 2^63, so that SQL computes the same
//! with a multiplication, an addition and a remainder. Described for readers in `examples/flights/README.md`.

use std::collections::BTreeMap;

/// Everything is taken modulo this prime.
pub const MODULUS: u64 = 2_147_483_647;
/// The chain is multiplied by this before an event is added.
pub const FACTOR: u64 = 1_000_003;

/// The table of a program that folds by SQL.
pub const CREATE: &str = "CREATE TABLE IF NOT EXISTS aircraft(tailnum TEXT PRIMARY KEY, flights INTEGER NOT NULL, \
    miles INTEGER NOT NULL, last_airport TEXT NOT NULL, chain INTEGER NOT NULL) WITHOUT ROWID";
/// One flight by SQL: tail number, miles, destination, [`hash`] of the event id.
pub const UPSERT: &str = "INSERT INTO aircraft(tailnum, flights, miles, last_airport, chain) VALUES (?, 1, ?, ?, ? % 2147483647) \
    ON CONFLICT(tailnum) DO UPDATE SET flights = flights + 1, miles = miles + excluded.miles, \
    last_airport = excluded.last_airport, chain = (chain * 1000003 + excluded.chain) % 2147483647";

/// What is known of one aircraft after its flights so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aircraft {
    /// How many flights.
    pub flights: u64,
    /// How far, in all.
    pub miles: u64,
    /// Where it went last.
    pub last_airport: String,
    /// The rolling hash over the event ids, in order.
    pub chain: u64,
}

impl Aircraft {
    /// One more flight.
    pub fn add(&mut self, id: &str, miles: u64, dest: &str) {
        self.flights += 1;
        self.miles += miles;
        dest.clone_into(&mut self.last_airport);
        self.chain = (self.chain * FACTOR + u64::from(hash(id))) % MODULUS;
    }
}

/// All aircraft by tail number.
pub type Table = BTreeMap<String, Aircraft>;

/// A 31-bit hash of an event id: 64-bit FNV-1a, its upper half folded over its lower 31 bits.
#[must_use]
pub fn hash(id: &str) -> u32 {
    let x = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |x, byte| (x ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let folded = (x >> 33) ^ (x & 0x7fff_ffff);
    // Both halves have at most 31 bits.
    u32::try_from(folded).unwrap_or(u32::MAX >> 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Aircraft, CREATE, UPSERT, hash};

    #[test]
    fn sql_computes_the_same_as_the_sequential_pass() {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        database.execute(CREATE, []).unwrap();
        let mut expected = Aircraft::default();
        for number in 0..500_u32 {
            let (id, dest) = (format!("2013-01-01/UA{number}/EWR"), ["IAH", "MIA", "LAX"][number as usize % 3]);
            expected.add(&id, u64::from(number), dest);
            database.execute(UPSERT, ("N14228", number, dest, hash(&id))).unwrap();
        }
        let got = database
            .query_row("SELECT flights, miles, last_airport, chain FROM aircraft", [], |row| {
                Ok(Aircraft {
                    flights: row.get::<_, i64>(0)?.unsigned_abs(),
                    miles: row.get::<_, i64>(1)?.unsigned_abs(),
                    last_airport: row.get(2)?,
                    chain: row.get::<_, i64>(3)?.unsigned_abs(),
                })
            })
            .unwrap();
        assert_eq!(got, expected);
    }

    #[test]
    fn order_repetition_and_loss_show() {
        let pass = |ids: &[&str]| {
            let mut aircraft = Aircraft::default();
            ids.iter().for_each(|id| aircraft.add(id, 100, "IAH"));
            aircraft.chain
        };
        let straight = pass(&["a", "b", "c"]);
        assert_ne!(straight, pass(&["a", "c", "b"]));
        assert_ne!(straight, pass(&["a", "b", "b", "c"]));
        assert_ne!(straight, pass(&["a", "c"]));
    }

    #[test]
    fn the_hash_is_the_one_that_is_documented() {
        // Computed by another program, and written in `examples/flights/README.md`.
        assert_eq!(hash("2013-01-01/UA1545/EWR"), 1_229_225_056);
    }
}
