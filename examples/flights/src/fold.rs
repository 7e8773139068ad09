//! The fold: what the flights of each aircraft add up to, in an order that shows.

use std::collections::BTreeMap;

use crate::Flight;

/// Multiplier of the chain.
const FACTOR: u64 = 1_000_003;
/// Modulus of the chain, the prime 2³¹ − 1. Factor × modulus + hash stays below 2⁶³, so that SQL's signed integers compute the same.
const MODULUS: u64 = 2_147_483_647;

/// The aircraft by tail number. Flights without one are under the empty name.
pub type Fleet = BTreeMap<String, Aircraft>;

/// What the flights of one aircraft add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aircraft {
    /// How many.
    pub flights: u64,
    /// How far in all.
    pub miles: u64,
    /// Where the last one went. Empty for flights without a tail number: no order is promised among them.
    pub last_airport: String,
    /// Depends on every flight and on their order. 0 for flights without a tail number.
    pub chain: u64,
}

impl Aircraft {
    /// Adds the next flight.
    pub fn handle(&mut self, flight: &Flight) {
        self.flights = self.flights.saturating_add(1);
        self.miles = self.miles.saturating_add(u64::from(flight.miles));
        if flight.tailnum.is_some() {
            self.last_airport.clone_from(&flight.dest);
            self.chain = (self.chain % MODULUS * FACTOR + hash(&flight.id)) % MODULUS;
        }
    }
}

/// A flight's part in the chain: 64-bit FNV-1a over the id's bytes, folded to 31 bits, below the modulus.
#[must_use]
pub fn hash(id: &str) -> u64 {
    let wide = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    ((wide >> 33) ^ (wide & 0x7fff_ffff)) % MODULUS
}

/// The truth: every flight once, one after the other.
pub fn sequential_pass<'a>(flights: impl IntoIterator<Item = &'a Flight>) -> Fleet {
    let mut fleet = Fleet::new();
    for flight in flights {
        let tailnum = flight.tailnum.as_deref().unwrap_or_default();
        if !fleet.contains_key(tailnum) {
            fleet.insert(tailnum.to_owned(), Aircraft::default());
        }
        if let Some(aircraft) = fleet.get_mut(tailnum) {
            aircraft.handle(flight);
        }
    }
    fleet
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;
    use crate::parse;

    const THREE: &str = "day,sched,dep,carrier,flight,tailnum,origin,dest,miles\n\
        1,515,517,UA,1545,N14228,EWR,IAH,1400\n\
        1,600,601,UA,7,,LGA,ORD,733\n\
        2,900,905,UA,22,N14228,EWR,SFO,2565\n";

    #[test]
    fn a_published_vector_of_fnv_1a_folds_to_31_bits() {
        // FNV-1a of "a" is af63dc4c8601ec8c (the vector of its authors).
        assert_eq!(hash("a"), (0xaf63_dc4c_8601_ec8c_u64 >> 33) ^ 0x0601_ec8c);
        assert_eq!(hash(""), (0xcbf2_9ce4_8422_2325_u64 >> 33) ^ 0x0422_2325);
    }

    #[test]
    fn the_hash_is_the_one_that_the_readme_names() {
        assert_eq!(hash("2013-01-01/UA1545/EWR"), 1_229_225_056);
    }

    #[test]
    fn two_flights_of_one_aircraft_by_hand() {
        let flights = parse(1, THREE).unwrap();
        let fleet = sequential_pass(&flights);
        let (first, second) = (hash("2013-01-01/UA1545/EWR"), hash("2013-01-02/UA22/EWR"));
        let aircraft = &fleet["N14228"];
        assert_eq!((aircraft.flights, aircraft.miles, aircraft.last_airport.as_str()), (2, 3965, "SFO"));
        assert_eq!(aircraft.chain, (first * 1_000_003 + second) % 2_147_483_647);
        let unknown = &fleet[""];
        assert_eq!((unknown.flights, unknown.miles, unknown.last_airport.as_str(), unknown.chain), (1, 733, "", 0));
    }

    #[test]
    fn a_flight_left_out_or_handled_twice_is_another_chain() {
        let flights = parse(1, THREE).unwrap();
        let chain = |picked: &[usize]| sequential_pass(picked.iter().map(|&at| &flights[at]))["N14228"].chain;
        assert_ne!(chain(&[0, 2]), chain(&[0]));
        assert_ne!(chain(&[0, 2]), chain(&[0, 2, 2]));
    }

    #[test]
    fn another_order_is_another_chain() {
        let mut flights = parse(1, THREE).unwrap();
        let there = sequential_pass(&flights);
        flights.reverse();
        let back = sequential_pass(&flights);
        assert_ne!(there["N14228"].chain, back["N14228"].chain);
        assert_eq!(there[""], back[""], "no order among flights of unknown aircraft");
    }
}
